/** The kernel's registry: what it prints, as read; what it takes, as written. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { extensionLine, listEntries, parseEntry } from '../../src/binfmt/registry.ts'
import { shellPlan } from '../../src/run/shell.ts'

// fs/binfmt_misc.c, entry_status().
test('an entry by extension is read', () => {
  assert.deepEqual(parseEntry('langrun-lua', 'enabled\ninterpreter /var/lib/langrun/runners/lua\nflags: POF\nextension .lua\n'), {
    name: 'langrun-lua',
    enabled: true,
    interpreter: '/var/lib/langrun/runners/lua',
    flags: 'POF',
    extension: 'lua',
    offset: undefined,
    magic: undefined,
    mask: undefined,
  })
})

test('an entry by magic, with a mask and without, is read', () => {
  const text = 'disabled\ninterpreter /usr/bin/qemu-arm\nflags: \noffset 2\nmagic 7f454c46\n'
  const entry = {
    name: 'qemu',
    enabled: false,
    interpreter: '/usr/bin/qemu-arm',
    flags: '',
    extension: undefined,
    offset: 2,
    magic: '7f454c46',
    mask: undefined,
  }
  assert.deepEqual(parseEntry('qemu', text), entry)
  assert.deepEqual(parseEntry('qemu', `${text}mask ffffff00\n`), { ...entry, mask: 'ffffff00' })
})

test('an interpreter with blanks and colons is read whole', () => {
  assert.equal(parseEntry('x', 'enabled\ninterpreter /a b/c: d\nflags: F\nextension .x\n').interpreter, '/a b/c: d')
})

test('a line names entry, extension, interpreter and flags', () => {
  assert.equal(extensionLine('langrun-lua', 'lua', '/r/lua'), ':langrun-lua:E::lua::/r/lua:POF')
})

const REFUSED: Record<string, [name: string, extension: string, interpreter: string, cause: RegExp]> = {
  'a slash in the extension': ['n', 'a/b', '/r', /cannot be the end of a file's name/],
  'a newline in the name': ['n\n', 'a', '/r', /an entry is a file/],
  'a path longer than the kernel takes': ['n', 'a', `/${'x'.repeat(127)}`, /takes 127 bytes of path/],
  'a line longer than the kernel takes': ['n', 'a'.repeat(1920), '/r', /takes a line of 1920 bytes/],
}

for (const [what, [name, extension, interpreter, cause]] of Object.entries(REFUSED)) {
  test(`${what} is refused before the kernel refuses it without a reason`, () => {
    assert.throws(
      () => extensionLine(name, extension, interpreter),
      (error: Error & { code?: string }) =>
        error.code === 'unsupported' && error.message === `cannot register .${extension}` && cause.test(String(error.cause)),
    )
  })
}

test('the longest path that the kernel takes is taken', () => {
  assert.match(extensionLine('n', 'a', `/${'x'.repeat(126)}`), /:POF$/)
})

test('a registry that is not mounted is said, with the command that mounts it', () => {
  assert.throws(() => listEntries('/nonexistent'), {
    code: 'unsupported',
    hint: 'sudo mount -t binfmt_misc binfmt_misc /nonexistent',
  })
})

test('a shell of its own registry needs Linux 6.7, and says what to do without', () => {
  const kernel = { release: '6.6.63', version: [6, 6], userNamespaces: 'on', binfmt: 'mounted' } as const
  const input = { lines: [':l:E::lua::/r:POF'], program: '/bin/sh', name: 'sh' }
  assert.throws(
    () => shellPlan({ ...input, kernel }),
    (error: Error & { hint?: string }) =>
      error.message === 'cannot open a langrun shell' &&
      error.cause === 'Linux 6.6.63 has one registry for all; one for each user namespace came with 6.7' &&
      error.hint === 'register once for the whole machine: sudo langrun register',
  )
  assert.deepEqual(shellPlan({ ...input, kernel: { ...kernel, release: '6.7.0', version: [6, 7] } }), [
    ['language', 'shell'],
    ['namespace', 'user'],
    ['namespace', 'mount'],
    ['identity', 'root'],
    ['binfmt', '/proc/sys/fs/binfmt_misc'],
    ['write', '/proc/sys/fs/binfmt_misc/register', ':l:E::lua::/r:POF'],
    ['restore-identity'],
    ['setenv', 'LANGRUN_SHELL', '1'],
    ['exec', '/bin/sh'],
    ['arg', 'sh'],
    ['args'],
  ])
})

/** The launcher's parsers against hostile bytes, under the address and undefined-behaviour sanitizers. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

const SOURCES = join(import.meta.dirname, '../../src/launcher')
const WARNINGS = ['-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Wstrict-prototypes', '-Wmissing-prototypes', '-Wformat=2', '-Werror']
const hasCompiler = spawnSync('gcc', ['--version']).status === 0
if (!hasCompiler && process.env.LANGRUN_MUST_WORK === '1') throw new Error('the parser’s tests need gcc')

/** The plan as people see it: fields split at blanks, records at newlines. */
const plan = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => `${line.trim().split(' ').join('\0')}\0\n`)
    .join('')

const GOOD = plan(`plan 1
  language clisp
  namespace user
  namespace mount
  identity same
  image /store/images/1/rootfs
  skeleton /store/roots/1
  root
  dir /dev
  link /proc/self/fd /dev/fd
  host /home -
  bind /etc/hosts /etc/hosts rsdxo
  from-image /usr rs
  stores
  tmpfs /run mode=755
  proc /proc
  write /proc/x y
  cwd /home
  setenv A b
  unsetenv LD_*
  prefixenv PATH /usr/bin
  locale C.UTF-8
  seccomp terminal
  exec /usr/bin/clisp
  arg clisp
  script
  args`)

describe('the reader of plans', { skip: hasCompiler ? false : 'needs gcc' }, () => {
  let folder: string
  let harness: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'langrun-test-launcher-'))
    harness = join(folder, 'harness')
    const flags = [
      '-std=gnu11',
      '-g',
      '-O1',
      '-fsanitize=address,undefined',
      '-fno-sanitize-recover=all',
      ...WARNINGS.filter((w) => w !== '-Wconversion'),
    ]
    const files = [join(import.meta.dirname, 'launcher-harness.c'), join(SOURCES, 'plan.c'), join(SOURCES, 'text.c')]
    const built = spawnSync('gcc', [...flags, '-o', harness, ...files], { encoding: 'utf8' })
    assert.equal(built.status, 0, built.stderr)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const parse = (kind: 'plan' | 'trailer', bytes: string) => {
    const file = join(folder, 'input')
    writeFileSync(file, bytes, 'latin1')
    const done = spawnSync(harness, [kind, file], { encoding: 'utf8' })
    assert.deepEqual({ status: done.status, stderr: done.stderr }, { status: 0, stderr: '' })
    return done.stdout.trimEnd()
  }

  it('takes every operation that is documented', () => {
    assert.equal(parse('plan', GOOD), 'good')
  })

  it('takes newlines, blanks and any byte within an operand', () => {
    assert.equal(parse('plan', 'plan\x001\0\nexec\0/a\0\narg\0two\nlines \xff\t\0\n'), 'good')
  })

  const minimal = plan('plan 1\nexec /x')
  const refused: [string, string, string][] = [
    ['nothing', '', 'it is empty'],
    ['no version', plan('exec /x'), 'it does not start with the one record `plan 1`'],
    ['a version twice', plan('plan 1\nplan 1\nexec /x'), 'it does not start with the one record `plan 1`'],
    ['another version', plan('plan 2\nexec /x'), 'its version is not 1: this launcher is too old or too new for it'],
    ['no program', plan('plan 1'), 'it does not say what to execute'],
    ['an unknown operation', plan('plan 1\nboom x'), 'it has an operation that this launcher does not know'],
    ['an operand too many', 'plan\x001\0\nexec\0/x\0/y\0\n', 'a record has too many operands or no end'],
    ['an operand too few', 'plan\x001\0\nexec\0\n', 'it ends within a record'],
    ['no last newline', minimal.slice(0, -1), 'a record has too many operands or no end'],
    ['no last NUL', minimal.slice(0, -2), 'it ends within a record'],
    ['a name without an end', 'plan\x001\0\nexec', 'it ends within a record'],
    ['a relative path', plan('plan 1\nnamespace mount\nroot\nhost home -\nexec /x'), 'it has a path that is not absolute and plain'],
    ['a path with dots', plan('plan 1\nnamespace mount\nroot\ndir /a/../b\nexec /x'), 'it has a path that is not absolute and plain'],
    ['a path with two slashes', plan('plan 1\nnamespace mount\nroot\ndir /a//b\nexec /x'), 'it has a path that is not absolute and plain'],
    [
      'a path that ends in a slash',
      plan('plan 1\nnamespace mount\nroot\ndir /a/\nexec /x'),
      'it has a path that is not absolute and plain',
    ],
    [
      'a long name',
      plan(`plan 1\nnamespace mount\nroot\ndir /${'a'.repeat(256)}\nexec /x`),
      'it has a path that is not absolute and plain',
    ],
    [
      'a long path',
      plan(`plan 1\nnamespace mount\nroot\ndir ${'/a'.repeat(2048)}\nexec /x`),
      'it has a path that is not absolute and plain',
    ],
    ['an unknown flag', plan('plan 1\nnamespace mount\nroot\nhost /a q\nexec /x'), 'it has a flag that this launcher does not know'],
    ['an unknown namespace', plan('plan 1\nnamespace time\nexec /x'), 'it asks for a namespace that this launcher does not know'],
    ['an unknown identity', plan('plan 1\nidentity other\nexec /x'), 'its identity is neither `same` nor `root`'],
    ['an unknown filter', plan('plan 1\nseccomp all\nexec /x'), 'it asks for a filter that this launcher does not know'],
    ['a root without a mount namespace', plan('plan 1\nroot\nexec /x'), 'it makes a new root without a mount namespace'],
    ['mounts on the host', plan('plan 1\ntmpfs /tmp size=1\nexec /x'), 'it mounts without a mount namespace'],
    ['folders on the host', plan('plan 1\nnamespace mount\ndir /new\nexec /x'), 'it makes files outside of a new root'],
    ['a relative skeleton', plan('plan 1\nnamespace mount\nskeleton roots/1\nroot\nexec /x'), 'its skeleton is not an absolute path'],
    ['a skeleton too late', plan('plan 1\nnamespace mount\nroot\nskeleton /r\nexec /x'), 'it names the skeleton of its root too late'],
    ['two roots', plan('plan 1\nnamespace mount\nroot\nroot\nexec /x'), 'it makes a new root twice'],
    [
      'an image too late',
      plan('plan 1\nnamespace mount\nroot\nfrom-image /usr -\nimage /i\nexec /x'),
      'it takes files from an image that it does not name first',
    ],
    ['two programs', plan('plan 1\nexec /x\nexec /y'), 'it says the same thing twice'],
    ['a variable with an equals sign', plan('plan 1\nsetenv A=B c\nexec /x'), 'it has a variable without a proper name'],
    ['a language that is a path', plan('plan 1\nlanguage ../x\nexec /x'), 'its language has no proper name'],
    ['too many records', plan(`plan 1\nexec /x\n${'arg x\n'.repeat(1023)}`), 'it has too many records'],
    ['too many bytes', plan(`plan 1\nexec /x\narg ${'x'.repeat(256 * 1024)}`), 'it is too big'],
  ]
  for (const [what, bytes, problem] of refused) {
    it(`refuses a plan with ${what}`, () => assert.equal(parse('plan', bytes), problem))
  }

  const trailer = (text: string) => text.padEnd(512, '\0')
  const HEAD = 'runner\x001\0\n'
  const trailers: [string, string, string][] = [
    ['of a runner', trailer(`${HEAD}language\0clisp\0\nsystem\0/var/lib/langrun\0\n`), 'good'],
    ['of a shim', trailer(`${HEAD}language\0clisp\0\nsystem\0/var/lib/langrun\0\nshim\0\n`), 'good'],
    ['of a language that is bound to a magic', trailer(`${HEAD}language\0clisp\0\nsystem\0/var/lib/langrun\0\nbound\0\n`), 'good'],
    ['that is none', trailer('\x7fELF'), '(no trailer)'],
    ['that is shorter', HEAD, '(no trailer)'],
    ['without a language', trailer(`${HEAD}system\0/var/lib/langrun\0\n`), 'its trailer names no language or no system store'],
    ['with a path as language', trailer(`${HEAD}language\0../x\0\n`), 'its trailer names no language'],
    ['with an unknown record', trailer(`${HEAD}boom\0x\0\n`), 'its trailer has a record that this launcher does not know'],
    ['without an end', `${HEAD}language\0`.padEnd(512, 'x'), 'its trailer ends within a record'],
    ['with bytes behind it', `${trailer(`${HEAD}language\0a\0\nsystem\0/b\0\n`).slice(0, -1)}x`, 'its trailer is followed by other bytes'],
  ]
  for (const [what, bytes, problem] of trailers) {
    it(`judges a trailer ${what}`, () => assert.equal(parse('trailer', bytes), problem))
  }

  it('survives every truncation and twenty thousand random changes', () => {
    for (let size = 0; size < GOOD.length; size += 1) writeFileSync(join(folder, `cut-${size}`), GOOD.slice(0, size), 'latin1')
    const cuts = Array.from({ length: GOOD.length }, (_, size) => join(folder, `cut-${size}`))
    const cut = spawnSync(harness, ['plan', ...cuts], { encoding: 'utf8' })
    assert.deepEqual(
      { status: cut.status, stderr: cut.stderr, lines: cut.stdout.trim().split('\n').length },
      { status: 0, stderr: '', lines: GOOD.length },
    )
    writeFileSync(join(folder, 'good'), GOOD, 'latin1')
    writeFileSync(join(folder, 'trailer'), trailer(`${HEAD}language\0clisp\0\nsystem\0/var/lib/langrun\0\nshim\0\n`), 'latin1')
    for (const name of ['good', 'trailer']) {
      const done = spawnSync(harness, ['mutate', '20261121', '20000', join(folder, name)], { encoding: 'utf8' })
      assert.deepEqual({ status: done.status, stdout: done.stdout, stderr: done.stderr }, { status: 0, stdout: 'survived\n', stderr: '' })
    }
  })
})

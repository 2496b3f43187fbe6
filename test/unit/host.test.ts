/** What is read of a host, and what `doctor` makes of it: a made-up /proc for each restriction. */

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { diagnose, type Facts } from '../../src/cli/diagnosis.ts'
import { type Kernel, readKernel } from '../../src/host/kernel.ts'

const GOOD: Readonly<Record<string, string>> = {
  'self/ns/user': '',
  'sys/user/max_user_namespaces': '127234\n',
  'sys/fs/binfmt_misc/status': 'enabled\n',
  'sys/fs/binfmt_misc/register': '',
}

/** The kernel as read from files; `undefined` takes one of the good host's away. */
function kernelOf(files: Readonly<Record<string, string | undefined>>, release = '6.18.0-1-amd64'): Kernel {
  const proc = mkdtempSync(join(tmpdir(), 'langrun-proc-'))
  try {
    mkdirSync(join(proc, 'sys/fs'), { recursive: true })
    for (const [name, text] of Object.entries({ ...GOOD, ...files })) {
      if (text === undefined) continue
      mkdirSync(dirname(join(proc, name)), { recursive: true })
      writeFileSync(join(proc, name), text)
    }
    return readKernel(proc, release)
  } finally {
    rmSync(proc, { recursive: true })
  }
}

const LAUNCHER = '/home/me/.local/share/langrun/bin/launcher'
const REFUSAL = 'langrun: cannot enter namespaces: Operation not permitted'

/** The findings that are not ok. */
function trouble(kernel: Kernel, facts: Partial<Facts> = {}) {
  const all = diagnose({
    kernel,
    refusal: undefined,
    launcher: LAUNCHER,
    isContainer: false,
    registered: 25,
    lost: 0,
    stores: ['/s'],
    ...facts,
  })
  return all.filter(({ ok }) => !ok)
}

test('a host without restrictions has everything', () => {
  const kernel = kernelOf({})
  assert.deepEqual(kernel, { release: '6.18.0-1-amd64', version: [6, 18], userNamespaces: 'on', binfmt: 'mounted' })
  assert.deepEqual(trouble(kernel), [])
})

const NAMESPACES: Record<string, [files: Record<string, string | undefined>, remedy: string]> = {
  'user namespaces limited to none': [
    { 'sys/user/max_user_namespaces': '0\n' },
    'sudo sysctl -w user.max_user_namespaces=15000   (to keep it: a file in /etc/sysctl.d)',
  ],
  "Debian's switch for ordinary users is off": [
    { 'sys/kernel/unprivileged_userns_clone': '0\n' },
    'sudo sysctl -w kernel.unprivileged_userns_clone=1   (to keep it: a file in /etc/sysctl.d)',
  ],
  'a kernel without user namespaces': [
    { 'self/ns/user': undefined },
    "this kernel was built without CONFIG_USER_NS: use your distribution's standard kernel",
  ],
  "AppArmor's restriction of Ubuntu": [
    { 'sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' },
    [
      "AppArmor lets only programs with a profile make user namespaces. This profile lets langrun's launcher alone:",
      // apparmor_parser 4.1 accepts it: an attachment begins with a slash, even one in quotes.
      "echo 'abi <abi/4.0>,",
      'include <tunables/global>',
      'profile langrun "/{home/me/.local/share/langrun,var/lib/langrun,home/*/.local/share/langrun}/{bin/launcher,runners/*,shims/*}" flags=(unconfined) {',
      '  userns,',
      "}' | sudo tee /etc/apparmor.d/langrun && sudo apparmor_parser -r /etc/apparmor.d/langrun",
    ].join('\n'),
  ],
  'nothing that can be read': [{}, 'a security module or a seccomp filter forbids them here: ask whoever runs this machine'],
}

for (const [what, [files, remedy]] of Object.entries(NAMESPACES)) {
  test(`user namespaces refused: ${what}`, () => {
    assert.deepEqual(trouble(kernelOf(files), { refusal: REFUSAL }), [{ check: 'user namespaces', ok: false, found: REFUSAL, remedy }])
  })
}

test('a setting that forbids them elsewhere is no trouble where they work', () => {
  assert.deepEqual(trouble(kernelOf({ 'sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' })), [])
})

test('user namespaces refused in a container: how to start it', () => {
  const [finding] = trouble(kernelOf({}), { refusal: REFUSAL, isContainer: true })
  assert.equal(
    finding?.remedy,
    'this container forbids them: start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined',
  )
})

const REGISTRY: Record<string, [files: Record<string, string | undefined>, found: string, remedy: string]> = {
  'is switched off': [{ 'sys/fs/binfmt_misc/status': 'disabled\n' }, 'switched off', 'sudo langrun binfmt enable'],
  'is not in this kernel': [
    { 'sys/fs/binfmt_misc/status': undefined, 'sys/fs/binfmt_misc/register': undefined },
    'this kernel has none',
    'sudo modprobe binfmt_misc',
  ],
}

for (const [what, [files, found, remedy]] of Object.entries(REGISTRY)) {
  test(`the registry ${what}: found and mended`, () => {
    const [first] = trouble(kernelOf(files))
    assert.deepEqual(first, { check: "the kernel's registry (binfmt_misc)", ok: false, found, remedy })
  })
}

test('the registry has a folder but is not mounted there', () => {
  const proc = mkdtempSync(join(tmpdir(), 'langrun-proc-'))
  mkdirSync(join(proc, 'sys/fs/binfmt_misc'), { recursive: true })
  mkdirSync(join(proc, 'self/ns'), { recursive: true })
  writeFileSync(join(proc, 'self/ns/user'), '')
  const kernel = readKernel(proc, '6.18.0')
  rmSync(proc, { recursive: true })
  assert.deepEqual(trouble(kernel), [
    {
      check: "the kernel's registry (binfmt_misc)",
      ok: false,
      found: 'not mounted',
      remedy: 'sudo langrun register   (mounts it), or without root: langrun shell',
    },
  ])
})

test('a kernel before 6.7 has no registry for each user namespace', () => {
  for (const [release, isOld] of [
    ['6.6.63', true],
    ['6.7.0', false],
    ['5.15.0-91-generic', true],
    ['7.0.0', false],
    ['6.10.1', false],
  ] as const) {
    assert.deepEqual(
      trouble(kernelOf({}, release)),
      isOld
        ? [
            {
              check: 'a registry of your own (langrun shell)',
              ok: false,
              found: `Linux ${release} is older than 6.7`,
              remedy: 'use the registry of the whole machine: sudo langrun register',
            },
          ]
        : [],
    )
  }
})

test('nothing registered is said, with both ways out', () => {
  assert.deepEqual(trouble(kernelOf({}), { registered: 0 }), [
    {
      check: 'registered endings',
      ok: false,
      found: 'none',
      remedy: 'sudo langrun register   (for every user), or without root: langrun shell',
    },
  ])
})

test('endings that are gone although they are to be there are said, with what brings them back', () => {
  assert.deepEqual(trouble(kernelOf({}), { registered: 0, lost: 25 }), [
    {
      check: 'registered endings',
      ok: false,
      found: '25 are gone from the kernel: other software removed them',
      remedy: 'sudo langrun register --heal   (if it happens again: sudo langrun register --keep heals every minute)',
    },
  ])
})

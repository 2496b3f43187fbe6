/** What `doctor` says, from what it found out: for each thing that langrun needs whether it is there, and the command that mends it. */

import { dirname } from 'node:path'
import { isAtLeast, type Kernel, ROOTLESS_BINFMT } from '../host/kernel.ts'

export interface Finding {
  readonly check: string
  readonly ok: boolean
  /** What was found. */
  readonly found: string
  /** What mends it, where it is not ok. */
  readonly remedy?: string
}

export interface Facts {
  readonly kernel: Kernel
  /** What the launcher said when it tried to make a user namespace; undefined if it could. */
  readonly refusal: string | undefined
  /** Launchers that must be let alone, of this user's store. */
  readonly launcher: string
  readonly isContainer: boolean
  /** How many endings are registered. */
  readonly registered: number
  /** How many are to be there after each boot, and are not in the kernel. */
  readonly lost: number
  /** Paths of the stores that there are. */
  readonly stores: readonly string[]
}

export function diagnose(facts: Facts): Finding[] {
  const { kernel, stores } = facts
  return [
    userNamespaces(facts),
    registry(kernel),
    ownRegistry(kernel),
    registered(facts),
    { check: 'stores', ok: true, found: stores.join(', ') },
  ]
}

/** Reading the settings says why; only trying says whether. */
function userNamespaces(facts: Facts): Finding {
  const check = 'user namespaces'
  if (facts.refusal === undefined) return { check, ok: true, found: 'work' }
  return { check, ok: false, found: facts.refusal, remedy: userNamespacesRemedy(facts) }
}

function userNamespacesRemedy({ kernel, launcher, isContainer }: Facts): string {
  switch (kernel.userNamespaces) {
    case 'missing':
      return "this kernel was built without CONFIG_USER_NS: use your distribution's standard kernel"
    case 'off-max':
      return 'sudo sysctl -w user.max_user_namespaces=15000   (to keep it: a file in /etc/sysctl.d)'
    case 'off-clone':
      return 'sudo sysctl -w kernel.unprivileged_userns_clone=1   (to keep it: a file in /etc/sysctl.d)'
    case 'off-apparmor':
      return `AppArmor lets only programs with a profile make user namespaces. This profile lets langrun's launcher alone:\n${apparmorProfile(launcher)}`
    case 'on':
      return isContainer
        ? 'this container forbids them: start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined'
        : 'a security module or a seccomp filter forbids them here: ask whoever runs this machine'
  }
}

/**
 * Ubuntu 24.04 and later: a program that AppArmor confines by a profile saying `userns,` may make user namespaces; `unconfined`
 * otherwise changes nothing for it. Launchers, runners and shims of every store are named, nothing else. Quoted for the shell without
 * a here-document, whose end would not be found behind our indentation.
 */
function apparmorProfile(launcher: string): string {
  const stores = [...new Set([dirname(dirname(launcher)), '/var/lib/langrun', '/home/*/.local/share/langrun'])]
  return [
    "echo 'abi <abi/4.0>,",
    'include <tunables/global>',
    `profile langrun "/{${stores.map((path) => path.slice(1)).join(',')}}/{bin/launcher,runners/*,shims/*}" flags=(unconfined) {`,
    '  userns,',
    "}' | sudo tee /etc/apparmor.d/langrun && sudo apparmor_parser -r /etc/apparmor.d/langrun",
  ].join('\n')
}

function registry(kernel: Kernel): Finding {
  const check = "the kernel's registry (binfmt_misc)"
  switch (kernel.binfmt) {
    case 'mounted':
      return { check, ok: true, found: 'mounted' }
    case 'disabled':
      return { check, ok: false, found: 'switched off', remedy: 'sudo langrun binfmt enable' }
    case 'not mounted':
      return { check, ok: false, found: 'not mounted', remedy: 'sudo langrun register   (mounts it), or without root: langrun shell' }
    case 'missing':
      return { check, ok: false, found: 'this kernel has none', remedy: 'sudo modprobe binfmt_misc' }
  }
}

function ownRegistry({ release, version }: Kernel): Finding {
  const check = 'a registry of your own (langrun shell)'
  if (isAtLeast(version, ROOTLESS_BINFMT)) return { check, ok: true, found: 'this kernel has it' }
  return {
    check,
    ok: false,
    found: `Linux ${release} is older than ${ROOTLESS_BINFMT.join('.')}`,
    remedy: 'use the registry of the whole machine: sudo langrun register',
  }
}

function registered({ registered: count, lost }: Facts): Finding {
  const check = 'registered endings'
  if (lost > 0) {
    const remedy = 'sudo langrun register --heal   (if it happens again: sudo langrun register --keep heals every minute)'
    return { check, ok: false, found: `${lost} are gone from the kernel: other software removed them`, remedy }
  }
  if (count > 0) return { check, ok: true, found: String(count) }
  return { check, ok: false, found: 'none', remedy: 'sudo langrun register   (for every user), or without root: langrun shell' }
}

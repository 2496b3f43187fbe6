/** `doctor`: what this host can do, what is missing, and the command that mends it. */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from '../base/files.ts'
import { ourEntries } from '../binfmt/system.ts'
import { BINFMT_FOLDER, isAtLeast, type Kernel, ROOTLESS_BINFMT, readKernel } from '../host/kernel.ts'
import { encodePlan } from '../plan/format.ts'
import { launcherPath } from '../plan/publish.ts'
import { type Context, stores } from './context.ts'
import { prepareStore } from './tools.ts'

interface Finding {
  readonly check: string
  readonly ok: boolean
  /** What was found. */
  readonly found: string
  /** What mends it, where it is not ok. */
  readonly remedy?: string
}

export function doctor(context: Context): boolean {
  const kernel = readKernel()
  const findings = [
    userNamespaces(context, kernel),
    registry(kernel),
    ownRegistry(kernel),
    registered(context, kernel),
    storeFinding(context),
  ]
  const isWell = findings.every(({ ok }) => ok)
  const text = findings
    .map(({ check, ok, found, remedy }) => `${ok ? 'ok ' : 'NO '} ${check}: ${found}\n${remedy === undefined ? '' : `${indent(remedy)}\n`}`)
    .join('')
  context.answer({ ok: isWell, kernel: kernel.release, findings }, `Linux ${kernel.release}\n${text}`)
  return isWell
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '      ')
}

/** Reading the settings says why; only trying says whether. */
function userNamespaces(context: Context, kernel: Kernel): Finding {
  const check = 'user namespaces'
  const launcher = prepareStore(context, context.settings.userStore)
  const plan = join(context.settings.userStore.path, 'tmp', `doctor-${process.pid}`)
  replaceFile(
    plan,
    encodePlan([
      ['language', 'doctor'],
      ['namespace', 'user'],
      ['namespace', 'mount'],
      ['identity', 'same'],
      ['tmpfs', '/proc', ''],
      ['exec', '/bin/true'],
      ['arg', 'true'],
    ]),
  )
  const { status, stderr } = spawnSync(launcher, ['--plan', plan], { encoding: 'utf8' })
  spawnSync('rm', ['-f', plan])
  if (status === 0) return { check, ok: true, found: 'work' }
  return { check, ok: false, found: stderr.trim() || `the launcher ended with ${status}`, remedy: userNamespacesRemedy(kernel, launcher) }
}

function userNamespacesRemedy(kernel: Kernel, launcher: string): string {
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
      return existsSync('/.dockerenv') || existsSync('/run/.containerenv')
        ? 'this container forbids them: start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined'
        : 'a security module or a seccomp filter forbids them here: ask whoever runs this machine'
  }
}

/**
 * Ubuntu 24.04 and later: a program that AppArmor confines by a profile saying `userns,` may make user namespaces; `unconfined`
 * otherwise changes nothing for it. Runners and launchers of every store are named, nothing else.
 */
function apparmorProfile(launcher: string): string {
  return [
    "sudo tee /etc/apparmor.d/langrun >/dev/null <<'END' && sudo apparmor_parser -r /etc/apparmor.d/langrun",
    'abi <abi/4.0>,',
    'include <tunables/global>',
    `profile langrun {${launcher},@{HOME}/.local/share/langrun/{bin/launcher,runners/*,shims/*},/var/lib/langrun/{bin/launcher,runners/*,shims/*}} flags=(unconfined) {`,
    '  userns,',
    '}',
    'END',
  ].join('\n')
}

function registry(kernel: Kernel): Finding {
  const check = "the kernel's registry (binfmt_misc)"
  switch (kernel.binfmt) {
    case 'mounted':
      return { check, ok: true, found: 'mounted' }
    case 'disabled':
      return { check, ok: false, found: 'switched off', remedy: `echo 1 | sudo tee ${BINFMT_FOLDER}/status` }
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

function registered({ settings }: Context, kernel: Kernel): Finding {
  const check = 'registered endings'
  const count = kernel.binfmt === 'mounted' ? ourEntries(settings.prefix).length : 0
  if (count > 0) return { check, ok: true, found: String(count) }
  return { check, ok: false, found: 'none', remedy: 'sudo langrun register   (for every user), or without root: langrun shell' }
}

function storeFinding(context: Context): Finding {
  const paths = stores(context)
    .filter(({ path }) => existsSync(launcherPath({ path, kind: 'user' })))
    .map(({ path }) => path)
  return { check: 'stores', ok: true, found: paths.join(', ') }
}

/** What this host's kernel can do for us, as far as it can be read without trying. */

import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'

export interface Kernel {
  /** As uname(2) says. */
  readonly release: string
  /** [major, minor] */
  readonly version: readonly [number, number]
  readonly userNamespaces: UserNamespaces
  readonly binfmt: 'mounted' | 'not mounted' | 'disabled' | 'missing'
}

/** `off-…` names the setting that forbids them to ordinary users. */
export type UserNamespaces = 'on' | 'missing' | 'off-max' | 'off-clone' | 'off-apparmor'

/** Linux 6.7 lets a user namespace have its own binfmt_misc (commit 21ca59b365c0). */
export const ROOTLESS_BINFMT: readonly [number, number] = [6, 7]

export const BINFMT_FOLDER = '/proc/sys/fs/binfmt_misc'

/** @param proc where /proc is; another folder only in tests */
export function readKernel(proc = '/proc', kernelRelease = release()): Kernel {
  return {
    release: kernelRelease,
    version: parseVersion(kernelRelease),
    userNamespaces: readUserNamespaces(proc),
    binfmt: readBinfmt(proc),
  }
}

export function isAtLeast(version: readonly [number, number], wanted: readonly [number, number]): boolean {
  return version[0] > wanted[0] || (version[0] === wanted[0] && version[1] >= wanted[1])
}

function parseVersion(text: string): readonly [number, number] {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(text) ?? []
  return [Number(major ?? 0), Number(minor ?? 0)]
}

function readUserNamespaces(proc: string): UserNamespaces {
  if (!existsSync(join(proc, 'self/ns/user'))) return 'missing'
  if (setting(proc, 'user/max_user_namespaces') === '0') return 'off-max'
  // Debian's and Arch's own patch, off by default since Debian 11.
  if (setting(proc, 'kernel/unprivileged_userns_clone') === '0') return 'off-clone'
  // Ubuntu 23.10 and later: only programs with an AppArmor profile that says `userns,`.
  if (setting(proc, 'kernel/apparmor_restrict_unprivileged_userns') === '1') return 'off-apparmor'
  return 'on'
}

function readBinfmt(proc: string): Kernel['binfmt'] {
  const status = setting(proc, 'fs/binfmt_misc/status')
  if (status !== undefined) return status === 'enabled' ? 'mounted' : 'disabled'
  return existsSync(join(proc, 'sys/fs/binfmt_misc')) ? 'not mounted' : 'missing'
}

/** A file below /proc/sys, trimmed; undefined if this kernel has none. */
function setting(proc: string, name: string): string | undefined {
  try {
    return readFileSync(join(proc, 'sys', name), 'utf8').trim()
  } catch {
    return undefined
  }
}

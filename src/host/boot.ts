/** What happens on this host at boot: who will read our registrations, and who may wipe them later. */

import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** Who registers formats at boot. */
export type Registrar =
  | 'systemd' // systemd-binfmt.service reads binfmt.d
  | 'systemd-unit' // systemd without systemd-binfmt: a unit of ours
  | 'binfmt-support' // Debian's update-binfmts
  | 'openrc' // its service `binfmt` reads binfmt.d
  | 'openrc-local' // OpenRC without that service: a script in local.d
  | 'sysvinit' // a boot script of ours
  | 'rc-local' // runit and others that run /etc/rc.local
  | 'none'

export interface Boot {
  readonly registrar: Registrar
  /** Where other software wipes the kernel's registry now and then: neighbours that share the kernel. */
  readonly neighbours: 'none' | 'container' | 'wsl'
}

/** @param root where the host's tree is; another folder only in tests and images */
export function readBoot(root = '/'): Boot {
  return { registrar: findRegistrar(root), neighbours: findNeighbours(root) }
}

function findRegistrar(root: string): Registrar {
  const has = (path: string): boolean => existsSync(join(root, path))
  const hasSupport = has('usr/sbin/update-binfmts')
  // The folder that sd_booted(3) looks for.
  if (has('run/systemd/system')) {
    if (hasSystemdBinfmt(root)) return 'systemd'
    return hasSupport ? 'binfmt-support' : 'systemd-unit'
  }
  const isOpenrc = has('run/openrc') || (has('etc/runlevels') && has('etc/init.d'))
  if (hasSupport && has('etc/init.d/binfmt-support') && (isOpenrc || has('etc/inittab'))) return 'binfmt-support'
  if (isOpenrc) return has('etc/init.d/binfmt') ? 'openrc' : has('etc/local.d') ? 'openrc-local' : 'none'
  if (has('etc/inittab') && has('etc/init.d') && has('etc/rc2.d')) return 'sysvinit'
  return has('etc/rc.local') ? 'rc-local' : 'none'
}

function hasSystemdBinfmt(root: string): boolean {
  const isMasked = linkOf(join(root, 'etc/systemd/system/systemd-binfmt.service')) === '/dev/null'
  return !isMasked && ['usr/lib/systemd', 'lib/systemd'].some((folder) => existsSync(join(root, folder, 'systemd-binfmt')))
}

function findNeighbours(root: string): Boot['neighbours'] {
  if (existsSync(join(root, 'run/WSL')) || /microsoft|wsl/i.test(readText(join(root, 'proc/sys/kernel/osrelease')))) return 'wsl'
  const isContainer = existsSync(join(root, '.dockerenv')) || existsSync(join(root, 'run/.containerenv'))
  return isContainer || existsSync(join(root, 'run/systemd/container')) ? 'container' : 'none'
}

function linkOf(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(path) : undefined
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The last touches on a configured root file system: what a full system would have that nobody packages, and what nobody needs. */

import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { HOST_NAMES } from '../plan/home.ts'

/** Records of a package manager and caches that can be made again: no script reads them. */
const LEFT_OVER = [
  'var/lib/dpkg',
  'var/lib/apt',
  'var/lib/pam',
  'var/lib/systemd',
  'var/lib/ucf',
  'var/lib/misc',
  'var/lib/shells.state',
  // links to /run and to one another: the host's /var has its own
  'var/lock',
  'var/run',
  'var/spool/mail',
  'var/mail',
  'var/cache',
  'var/log',
  'var/backups',
  'etc/apt',
  'etc/cron.d',
  'etc/cron.daily',
  'etc/cron.weekly',
  'etc/init.d',
  'etc/logrotate.d',
  'etc/systemd',
  // the host's zone is in localtime; a name beside it would be another's
  'etc/timezone',
  'etc/passwd-',
  'etc/group-',
  'usr/share/debconf',
  // links that update-alternatives makes to manual pages
  'usr/share/man',
] as const

/** OpenSSL's built-in places for certificates (OPENSSLDIR): the package openssl, which images do without, has these links. */
const LINKS: Readonly<Record<string, string>> = {
  'usr/lib/ssl/cert.pem': '/etc/ssl/certs/ca-certificates.crt',
  'usr/lib/ssl/certs': '/etc/ssl/certs',
  'etc/mtab': '../proc/self/mounts',
}

export function finish(rootfs: string): void {
  for (const path of LEFT_OVER) rmSync(join(rootfs, path), { recursive: true, force: true })
  for (const [path, target] of Object.entries(LINKS)) addLink(join(rootfs, path), target)
  for (const name of HOST_NAMES) makeMountPoint(rootfs, name)
  for (const name of ['usr', 'etc', 'var']) mkdirSync(join(rootfs, name), { recursive: true })
  for (const path of EXPECTED) mkdirSync(join(rootfs, path), { recursive: true })
  removeEmptyFolders(join(rootfs, 'var'))
  for (const name of ['etc', 'var']) makeReadable(join(rootfs, name))
  // Everything outside these is a mount point of the host's or made by the launcher.
  for (const name of readdirSync(rootfs)) if (!KEPT.has(name)) rmSync(join(rootfs, name), { recursive: true })
}

const KEPT = new Set(['usr', 'etc', 'var'])

function addLink(path: string, target: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}

/** A mount point for the host's, and a folder without which some programs warn even where nothing is translated (clisp). */
const EXPECTED = ['usr/local/bin', 'usr/share/locale'] as const

/** A regular file where the launcher mounts the host's; a link could not be mounted upon. */
function makeMountPoint(rootfs: string, name: string): void {
  const path = join(rootfs, 'etc', name)
  const info = lstatSync(path, { throwIfNoEntry: false })
  if (info?.isFile()) return
  rmSync(path, { force: true })
  const utc = join(rootfs, 'usr/share/zoneinfo/Etc/UTC')
  if (name === 'localtime' && existsSync(utc)) copyFileSync(utc, path)
  else writeFileSync(path, '')
}

/**
 * Nothing in an image is secret, and in the system's store it is root's but everybody's to use: maintainer scripts leave files that they
 * made by mktemp(1) with mode 600. Only for what is copied: a linked file is the package's too.
 */
function makeReadable(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    const at = join(path, entry.name)
    const { mode } = lstatSync(at)
    const wanted = mode | (entry.isDirectory() ? 0o555 : 0o444)
    if (wanted !== mode) chmodSync(at, wanted & 0o777)
    if (entry.isDirectory()) makeReadable(at)
  }
}

/** Below `path`, not `path` itself. */
function removeEmptyFolders(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const folder = join(path, entry.name)
    removeEmptyFolders(folder)
    if (readdirSync(folder).length === 0) rmdirSync(folder)
  }
}

/**
 * A disk with Debian on it, as Debian makes it, and langrun's executable; and the kernels that can start from it.
 *
 * The cloud kernels have NVMe and ext4 built in: with the root on an NVMe disk they need no initramfs, which software emulation would
 * take many seconds to unpack. Modules (the network's, and binfmt_misc itself) come from the disk.
 */

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { chooseMirrors } from '../../src/debian/mirror.ts'
import { LANGRUN } from '../machine.ts'

export interface Image {
  readonly disk: string
  /** Linux of Debian 13: a user namespace may have a registry of its own. */
  readonly kernel: string
  /** Linux 6.1 of Debian 12: it may not. */
  readonly oldKernel: string
}

/** The ordinary user in it. */
export const USER = 'ada'

const PACKAGES = [
  'systemd-sysv',
  'dbus', // systemctl asks over it
  'udev',
  'kmod',
  'linux-image-cloud-amd64/trixie',
  '?name(^linux-image-6\\.1\\.0-[0-9]+-cloud-amd64$)',
  'libatomic1', // these two are what langrun's executable needs
  'libstdc++6',
]

/** Not installed: a test does that. */
const AT_HAND = ['binfmt-support', 'libpipeline1']

export function makeImage(folder: string): Image {
  const root = join(folder, 'root')
  const { debian } = chooseMirrors('/')
  const trixie = `deb ${debian} trixie main`
  const bookworm = `deb ${debian} bookworm main`
  const hooks = [
    '--dpkgopt=path-exclude=/usr/share/doc/*',
    '--dpkgopt=path-exclude=/usr/share/locale/*',
    `--customize-hook=chroot "$1" useradd --create-home --shell /bin/bash ${USER}`,
    `--customize-hook=cd "$1/srv" && chroot "$1" sh -c 'cd /srv && apt-get download ${AT_HAND.join(' ')}'`,
  ]
  const args = [
    '--quiet',
    '--mode=root',
    '--variant=minbase',
    `--include=${PACKAGES.join(',')}`,
    ...hooks,
    'trixie',
    root,
    trixie,
    bookworm,
  ]
  // INITRD=No: the kernel packages' hooks then make no initramfs.
  run('mmdebstrap', args, { ...process.env, INITRD: 'No', DEBIAN_FRONTEND: 'noninteractive' })
  addFiles(root)

  const kernels = readdirSync(join(root, 'boot')).filter((name) => name.startsWith('vmlinuz-'))
  const [kernel, oldKernel] = [/^vmlinuz-6\.12/, /^vmlinuz-6\.1\.0/].map((name) => {
    const found = kernels.find((it) => name.test(it))
    if (found === undefined) throw new Error(`no ${name} among ${kernels}`)
    copyFileSync(join(root, 'boot', found), join(folder, found))
    return join(folder, found)
  }) as [string, string]

  const disk = join(folder, 'disk')
  run('mke2fs', ['-q', '-t', 'ext4', '-d', root, disk, '3G'], process.env)
  rmSync(root, { recursive: true })
  return { disk, kernel, oldKernel }
}

/** What an administrator would have set up: langrun, the network, no questions at the first boot; and the unit that runs the steps. */
function addFiles(root: string): void {
  copyFileSync(LANGRUN, join(root, 'usr/local/bin/langrun'))
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  write('etc/machine-id', `${'5318008a'.repeat(4)}\n`)
  write('etc/hostname', 'reboot\n')
  // QEMU's user-mode network is always this one.
  write('etc/systemd/network/all.network', '[Match]\nType=ether\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\nIPv6AcceptRA=no\n')
  write('etc/resolv.conf', 'nameserver 10.0.2.3\n')
  copyFileSync(join(import.meta.dirname, 'steps.service'), join(root, 'etc/systemd/system/steps.service'))
  const link = (path: string, target: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    symlinkSync(target, join(root, path))
  }
  for (const unit of ['steps', 'systemd-networkd']) link(`etc/systemd/system/multi-user.target.wants/${unit}.service`, `../${unit}.service`)
  for (const timer of ['apt-daily', 'apt-daily-upgrade', 'dpkg-db-backup', 'fstrim', 'e2scrub_all'])
    link(`etc/systemd/system/${timer}.timer`, '/dev/null')
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  try {
    execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    throw new Error(`cannot make the image with ${program}`, { cause: error })
  }
}

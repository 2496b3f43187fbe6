/**
 * A small world for the launcher's tests: a launcher compiled from its sources, an image made of Debian's static busybox, a
 * store per user, and a registration of an extension that nobody else uses. Leaves the machine as it found it.
 */

import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

const BUSYBOX = '/bin/busybox'
const BINFMT = '/proc/sys/fs/binfmt_misc'
const SOURCES = join(import.meta.dirname, '../../src/launcher')

/** A user without privileges whom every host knows by name. */
export const DAEMON = 1

export type Record = readonly [operation: string, ...operands: string[]]

export interface World {
  readonly folder: string
  readonly launcher: string
  readonly image: string
  /** The extension that is registered, with its dot. */
  readonly extension: string
  /** A folder that user owns; the user's HOME. */
  home(uid: number): string
  store(uid: number): string
  /** An executable script in the user's home; its path. */
  script(uid: number, text: string | Uint8Array, name?: string): string
  install(uid: number, records: readonly Record[], profile?: string): void
  dispose(): void
}

/** What keeps the tests from running here, or undefined. */
export function missing(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, to mount and register in binfmt_misc'
  if (!existsSync(BUSYBOX)) return `needs ${BUSYBOX} (Debian's busybox-static)`
  if (spawnSync('gcc', ['--version']).status !== 0) return 'needs gcc'
  return undefined
}

/** The option for `describe`: skipped with a reason, unless LANGRUN_MUST_WORK says that it must not be. */
export function unlessMissing(): { skip?: string } {
  const reason = missing()
  if (reason === undefined) return {}
  if (process.env.LANGRUN_MUST_WORK === '1') throw new Error(`the launcher's tests cannot run: ${reason}`)
  return { skip: reason }
}

export function buildLauncher(out: string, arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'): void {
  const built = spawnSync('sh', [join(SOURCES, 'build.sh'), arch, out], { encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`cannot build the launcher:\n${built.stderr}`)
}

export function encode(records: readonly Record[]): string {
  return records.map((record) => `${record.map((field) => `${field}\0`).join('')}\n`).join('')
}

export function trailer(records: readonly Record[]): Uint8Array {
  const bytes = Buffer.alloc(512)
  bytes.write(encode(records), 'latin1')
  return bytes
}

/** The plan that the planner would make for `home`: the host's data, the image's system. */
export function homePlan(image: string, more: readonly Record[] = [], command: readonly Record[] = COMMAND): Record[] {
  return [
    ['plan', '1'],
    ['language', 'lrtest'],
    ['namespace', 'user'],
    ['namespace', 'mount'],
    ['image', image],
    ['root'],
    ['host', '/tmp', '-'],
    ['host', '/home', 'o'],
    ['host', '/root', 'o'],
    ['host', '/proc', '-'],
    ['dir', '/dev'],
    ...['null', 'zero', 'tty', 'pts', 'shm', 'urandom'].map((name): Record => ['host', `/dev/${name}`, 'o']),
    ['link', '/proc/self/fd', '/dev/fd'],
    ['from-image', '/usr', 'rsd'],
    ['from-image', '/etc', 'rsd'],
    ['link', 'usr/bin', '/bin'],
    ['host', '/etc/passwd', 'r'],
    ['host', '/etc/group', 'r'],
    ['stores'],
    ['prefixenv', 'PATH', '/usr/bin'],
    ['unsetenv', 'LD_*'],
    ['locale', 'C.UTF-8'],
    ['seccomp', 'terminal'],
    ...more,
    ...command,
  ]
}

const COMMAND: readonly Record[] = [['exec', '/usr/bin/sh'], ['arg', 'sh'], ['script'], ['args']]

export function makeWorld(): World {
  const folder = mkdtempSync('/tmp/langrun-test-launcher-')
  chmodSync(folder, 0o755)
  const launcher = join(folder, 'launcher')
  try {
    buildLauncher(launcher)
  } catch (error) {
    rmSync(folder, { recursive: true })
    throw error
  }
  const image = join(folder, 'image')
  makeImage(image)
  const tag = `lrtest${process.pid}`
  const runner = join(folder, 'runner')
  copyFileSync(launcher, runner)
  appendFileSync(
    runner,
    trailer([
      ['runner', '1'],
      ['language', 'lrtest'],
      ['system', join(folder, 'system')],
    ]),
  )
  const mounted = !existsSync(`${BINFMT}/register`)
  if (mounted) run('mount', ['-t', 'binfmt_misc', 'none', BINFMT])
  const registration = `langrun-test-launcher-${process.pid}`
  writeFileSync(`${BINFMT}/register`, `:${registration}:E::${tag}::${runner}:FPO`)
  const world: World = {
    folder,
    launcher,
    image,
    extension: `.${tag}`,
    home(uid) {
      const home = join(folder, `home-${uid}`)
      if (!existsSync(home)) ownFolder(home, uid)
      return home
    },
    store(uid) {
      const store = join(world.home(uid), '.local/share/langrun')
      for (const part of ['.local', '.local/share', '.local/share/langrun', '.local/share/langrun/plans', '.local/share/langrun/bin']) {
        if (!existsSync(join(world.home(uid), part))) ownFolder(join(world.home(uid), part), uid)
      }
      return store
    },
    script(uid, text, name = `script${world.extension}`) {
      const path = join(world.home(uid), name)
      rmSync(path, { force: true })
      writeFileSync(path, text, { mode: 0o755 })
      chownSync(path, uid, uid)
      return path
    },
    install(uid, records, profile = 'home') {
      chownSync(image, uid, uid)
      const path = join(world.store(uid), 'plans', `lrtest.${profile}`)
      rmSync(path, { force: true })
      writeFileSync(path, encode(records), { mode: 0o644 })
      chownSync(path, uid, uid)
    },
    dispose() {
      writeFileSync(`${BINFMT}/${registration}`, '-1')
      if (mounted) spawnSync('umount', [BINFMT])
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return world
}

export interface Result {
  readonly status: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** Run a command as the user, in the user's home, with a small environment. */
export function as(
  world: World,
  uid: number,
  command: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; input?: string } = {},
): Result {
  const privileges = uid === 0 ? [] : ['--reuid', String(uid), '--regid', String(uid), '--clear-groups']
  const done: SpawnSyncReturns<string> = spawnSync('/usr/bin/setpriv', [...privileges, '--', ...command], {
    cwd: options.cwd ?? world.home(uid),
    env: { HOME: world.home(uid), PATH: '/usr/bin:/bin', ...options.env },
    encoding: 'latin1',
    input: options.input ?? '',
    timeout: 60_000,
  })
  return { status: done.status, signal: done.signal, stdout: done.stdout, stderr: done.stderr }
}

export function ok(stdout: string): Result {
  return { status: 0, signal: null, stdout, stderr: '' }
}

export function failed(status: number, stderr: string): Result {
  return { status, signal: null, stdout: '', stderr }
}

/** The mounts of this process's namespace, to see that none is left. */
export function mounts(): string {
  return readFileSync('/proc/self/mountinfo', 'utf8')
}

function makeImage(image: string): void {
  mkdirSync(join(image, 'usr/bin'), { recursive: true })
  mkdirSync(join(image, 'etc'))
  copyFileSync(BUSYBOX, join(image, 'usr/bin/busybox'))
  for (const name of run(BUSYBOX, ['--list']).split('\n')) {
    if (name !== '' && name !== 'busybox') symlinkSync('busybox', join(image, 'usr/bin', name))
  }
  for (const name of ['passwd', 'group']) writeFileSync(join(image, 'etc', name), '')
  writeFileSync(join(image, 'etc/image'), 'the image\n')
}

function ownFolder(path: string, uid: number): void {
  mkdirSync(path, { mode: 0o755 })
  lchownSync(path, uid, uid)
}

function run(command: string, args: readonly string[]): string {
  const done = spawnSync(command, args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr}`)
  return done.stdout
}

/**
 * What tests need of the machine, made for them and taken back: an ordinary user, a registry under a prefix of its own, a system store
 * of its own.
 *
 * Each thing is a resource (`await using` or `after`); what a test finds mounted or registered stays as it was.
 */

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export const ROOT = join(import.meta.dirname, '..')
/** What the tests run: where an ordinary user can reach it, even if this clone lies in root's home. */
export const LANGRUN = reachable(join(ROOT, 'dist/langrun'))
export const REGISTRY = '/proc/sys/fs/binfmt_misc'

export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
}

export interface RunOptions {
  readonly cwd?: string
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
}

export interface User {
  readonly name: string
  readonly uid: number
  readonly home: string
  /** Run a program as this user, with a login's environment and nothing of ours. */
  run(program: string, args?: readonly string[], options?: RunOptions): Outcome
  /** As run, while this process goes on (an archive of the test's own can answer). */
  start(program: string, args?: readonly string[], options?: RunOptions): Started
  remove(): void
}

export interface Started {
  readonly child: ChildProcess
  readonly outcome: Promise<Outcome>
}

const PATH = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin'

/** Make an ordinary user with a home. Its name is new, so nobody's files are touched. @param suffix for a second one */
export function addUser(suffix = ''): User {
  const name = `langrun-test-${process.pid}${suffix}`
  execFileSync('useradd', ['--create-home', '--shell', '/bin/bash', name])
  const [, , uid = '', gid = '', , home = ''] = execFileSync('getent', ['passwd', name], { encoding: 'utf8' }).trim().split(':')
  const login = { HOME: home, USER: name, LOGNAME: name, SHELL: '/bin/bash', PATH, LANG: 'C.UTF-8', TERM: 'xterm' }
  const asUser = ['--reuid', uid, '--regid', gid, '--init-groups', '--']
  return {
    name,
    uid: Number(uid),
    home,
    start(program, args = [], { cwd = home, input = '', environment = {} } = {}) {
      return start('setpriv', [...asUser, program, ...args], { cwd, input, environment: { ...login, ...environment } })
    },
    run(program, args = [], { cwd = home, input = '', environment = {} } = {}) {
      const as = [...asUser, program, ...args]
      const env = { ...login, ...environment }
      const { stdout, stderr, status, signal, error } = spawnSync('setpriv', as, { cwd, input, env, encoding: 'utf8', maxBuffer: 1 << 28 })
      if (error !== undefined) throw error
      return { stdout, stderr, status, signal }
    },
    remove() {
      spawnSync('pkill', ['-KILL', '-u', uid])
      execFileSync('userdel', ['--remove', '--force', name], { stdio: 'ignore' })
    },
  }
}

function start(program: string, args: readonly string[], { cwd, input = '', environment }: RunOptions): Started {
  const child = spawn(program, args, { ...(cwd !== undefined && { cwd }), env: { ...environment } })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  child.stdin.on('error', () => {}).end(input)
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve({ stdout, stderr, status, signal }))
  })
  return { child, outcome }
}

export interface System {
  /** Root's, for these tests. */
  readonly home: string
  readonly prefix: string
  readonly store: string
  /** What langrun has to be told to use these instead of the machine's own. */
  readonly environment: Readonly<Record<string, string>>
  /** Run langrun as root. */
  langrun(...args: string[]): Outcome
  /** As langrun, while this process goes on. */
  start(...args: string[]): Started
  remove(): void
}

/** A system store and registrations of the tests' own. */
export function addSystem(): System {
  const wasMounted = existsSync(join(REGISTRY, 'register'))
  const folder = mkdtempSync(join(tmpdir(), 'langrun-system-'))
  execFileSync('chmod', ['755', folder])
  const store = join(folder, 'store')
  const prefix = `langrun-test-${process.pid}-`
  const home = mkdtempSync(join(tmpdir(), 'langrun-root-'))
  // A host with systemd, so that nothing of ours outlives the test in the machine's own /etc.
  const host = join(folder, 'host')
  for (const path of ['run/systemd/system', 'usr/lib/systemd/systemd-binfmt']) mkdirSync(join(host, path), { recursive: true })
  const environment = { LANGRUN_SYSTEM_STORE: store, LANGRUN_REGISTRY_PREFIX: prefix, LANGRUN_HOST_ROOT: host }
  return {
    home,
    prefix,
    store,
    environment,
    start: (...args) => start(LANGRUN, args, { environment: { PATH, HOME: home, ...environment } }),
    langrun(...args) {
      const { stdout, stderr, status, signal } = spawnSync(LANGRUN, args, { env: { PATH, HOME: home, ...environment }, encoding: 'utf8' })
      return { stdout, stderr, status, signal }
    },
    remove() {
      if (existsSync(join(REGISTRY, 'register'))) {
        for (const name of readdirSync(REGISTRY))
          if (name.startsWith(prefix)) execFileSync('sh', ['-c', `echo -1 > ${join(REGISTRY, name)}`])
        if (!wasMounted) execFileSync('umount', [REGISTRY])
      }
      for (const path of [folder, home]) rmSync(path, { recursive: true, force: true })
    },
  }
}

/** Skip a test that cannot run here; with LANGRUN_MUST_WORK=1 (CI) it fails instead. */
export function needs(t: TestContext, isThere: boolean, what: string): boolean {
  if (isThere) return true
  if (process.env['LANGRUN_MUST_WORK'] === '1') throw new Error(`this needs ${what}`)
  t.skip(`needs ${what}`)
  return false
}

export const isRoot = process.geteuid?.() === 0

/** `path`, or a copy for the length of this process if a folder above it is closed to ordinary users. */
function reachable(path: string): string {
  const above = path.split('/').map((_, index, parts) => parts.slice(0, index).join('/') || '/')
  if (!existsSync(path) || above.every((folder) => (statSync(folder).mode & 0o001) !== 0)) return path
  const folder = mkdtempSync(join(tmpdir(), 'langrun-test-dist-'))
  chmodSync(folder, 0o755)
  copyFileSync(path, join(folder, 'langrun'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'langrun')
}

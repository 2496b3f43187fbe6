/**
 * A small world for tests of the command: an archive in this process with made-up languages under real names, each of which is a shell
 * script that reads its script with busybox's shell, and an ordinary user who is configured to install from there and nowhere else.
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { startArchive, type TestArchive, type TestPackage } from '../archive.ts'
import { addSystem, addUser, isRoot, LANGRUN, type Outcome, type RunOptions, type Started, type System, type User } from '../machine.ts'

const BUSYBOX = '/bin/busybox'
const APPLETS = ['sh', 'cat', 'id', 'ls', 'pwd', 'sleep', 'true', 'touch', 'env', 'readlink']

/** What `./hello.<ending>` prints is the name of the language and its arguments. */
export const HELLO = `echo "$LANGUAGE: $*"\n`

/** Programs by package. */
const LANGUAGES = { 'lua5.4': 'lua5.4', ruby: 'ruby', clisp: 'clisp', sbcl: 'sbcl', perl: 'perl' } as const

export const PACKAGES: readonly TestPackage[] = [
  {
    name: 'dash',
    files: {
      'usr/bin/dash': { text: existsSync(BUSYBOX) ? readFileSync(BUSYBOX) : '', mode: 0o755 },
      ...Object.fromEntries(APPLETS.map((name) => [`usr/bin/${name}`, { link: 'dash' }])),
    },
  },
  { name: 'libshared', files: { 'usr/share/shared': 'what clisp and sbcl have in common\n' } },
  ...Object.entries(LANGUAGES).map(
    ([name, program]): TestPackage => ({
      name,
      ...(name.endsWith('l') || name === 'clisp' ? { depends: 'libshared' } : {}),
      files: { [`usr/bin/${program}`]: interpreter(name) },
    }),
  ),
]

/** A shell script that sources its script, after options that it takes for nothing. */
function interpreter(name: string): string {
  const skip = 'while case "$*" in -*) true ;; *) false ;; esac; do shift; done'
  return `#!/bin/sh\n${skip}\nLANGUAGE=${name}\nscript=$1\nshift\n. "$script"\n`
}

export interface CliWorld extends AsyncDisposable {
  readonly archive: TestArchive
  readonly user: User
  readonly system: System
  readonly store: string
  readonly cache: string
  /** Run langrun as the user. */
  langrun(...args: string[]): Promise<Outcome>
  start(args: readonly string[], options?: RunOptions): Started
  /** As the user, with the test's own system store and registry. */
  run(program: string, args?: readonly string[], options?: RunOptions): Promise<Outcome>
  /** Write a file into the user's home, executable; its path. */
  script(name: string, text: string): string
  /** Point a user at the archive: mirrors, keys, a base of one package. */
  configure(user: Pick<User, 'home'> & { readonly uid?: number }, more?: Readonly<Record<string, string>>): void
  /** Paths, addresses, digests and sizes in an output, replaced by names. */
  redact(outcome: Outcome): Outcome
}

/** What keeps these tests from running here, or undefined. */
export function missing(): string | undefined {
  if (!isRoot) return 'needs root, to make an ordinary user'
  if (!existsSync(BUSYBOX)) return `needs ${BUSYBOX} (Debian's busybox-static)`
  if (!existsSync(LANGRUN)) return 'needs dist/langrun: npm run build'
  return undefined
}

/** The option for `suite`: skipped with a reason, unless LANGRUN_MUST_WORK says that it must not be. */
export function unlessMissing(): { skip?: string } {
  const reason = missing()
  if (reason === undefined) return {}
  if (process.env['LANGRUN_MUST_WORK'] === '1') throw new Error(`these tests cannot run: ${reason}`)
  return { skip: reason }
}

export async function startWorld(packages: readonly TestPackage[] = PACKAGES): Promise<CliWorld> {
  const archive = await startArchive({ packages })
  const user = addUser()
  const system = addSystem()
  const configure: CliWorld['configure'] = ({ home, uid = 0 }, more = {}) => {
    const key = join(home, 'archive.asc')
    const files = {
      'archive.asc': archive.key,
      '.config/langrun/config.toml': `mirror = "${archive.url}"\nsecurity-mirror = "${archive.url}"\nkeys = ["${key}"]\n`,
      '.config/langrun/images/base.toml': 'packages = ["dash"]\n',
      ...more,
    }
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(home, name)), { recursive: true })
      writeFileSync(join(home, name), text)
    }
    if (uid !== 0) give(home, uid)
  }
  configure(user)
  give(user.home, user.uid)
  configure(system)
  const run: CliWorld['run'] = (program, args, options = {}) =>
    user.start(program, args, { ...options, environment: { ...system.environment, ...options.environment } }).outcome
  const start: CliWorld['start'] = (args, options = {}) =>
    user.start(LANGRUN, args, { ...options, environment: { ...system.environment, ...options.environment } })
  return {
    archive,
    user,
    system,
    store: join(user.home, '.local/share/langrun'),
    cache: join(user.home, '.cache/langrun'),
    run,
    start,
    langrun: (...args) => start(args).outcome,
    configure,
    script(name, text) {
      const path = join(user.home, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text, { mode: 0o755 })
      give(dirname(path) === user.home ? path : dirname(path), user.uid)
      return path
    },
    redact: ({ stdout, stderr, ...rest }) => {
      const clean = (text: string): string =>
        text
          .replaceAll(user.home, '~')
          .replaceAll(user.name, 'USER')
          .replaceAll(system.store, 'SYSTEM')
          .replaceAll(system.home, '~root')
          .replaceAll(archive.url, 'MIRROR')
          .replaceAll(system.prefix, 'PREFIX-')
          .replaceAll(/[0-9a-f]{64}/g, 'SHA256')
          .replaceAll(/\d+(\.\d+)? MB/g, 'N MB')
      return { stdout: clean(stdout), stderr: clean(stderr), ...rest }
    },
    async [Symbol.asyncDispose]() {
      system.remove()
      user.remove()
      await archive[Symbol.asyncDispose]()
    },
  }
}

export function give(path: string, uid: number): void {
  const { status, stderr } = spawnSync('chown', ['-hR', `${uid}:${uid}`, path], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

/** An outcome without a word on stderr. */
export function says(stdout: string, status = 0): Outcome {
  return { stdout, stderr: '', status, signal: null }
}

/** An outcome with nothing but words on stderr. */
export function complains(stderr: string, status: number): Outcome {
  return { stdout: '', stderr, status, signal: null }
}

/** Nothing half-done: no staging, no plan or link that leads nowhere, every installed language with its image. */
export function assertConsistent(store: string): void {
  if (!existsSync(store)) return
  assert.deepEqual(readdirSync(join(store, 'tmp')), [], 'tmp is empty')
  for (const name of readdirSync(join(store, 'plans'))) {
    const plan = readFileSync(join(store, 'plans', name), 'latin1')
    // An ending that several languages can run: each script has its own plan.
    if (plan.includes('\nper-script\0')) continue
    const image = /(?:^|\n)image\0([^\0]*)\0/.exec(plan)?.[1]
    assert.ok(image !== undefined && existsSync(image), `${name} names an image that is there: ${image}`)
  }
  for (const name of readdirSync(join(store, 'languages'))) {
    const { image } = JSON.parse(readFileSync(join(store, 'languages', name), 'utf8'))
    assert.ok(existsSync(join(store, 'images', image, 'image.json')), `the image of ${name} is there`)
  }
  for (const name of readdirSync(join(store, 'images')))
    assert.ok(existsSync(join(store, 'images', name, 'rootfs/usr')), `image ${name} is whole`)
  for (const name of readdirSync(join(store, 'packages'))) {
    assert.ok(existsSync(join(store, 'packages', name, 'package.json')), `package ${name} is whole`)
  }
}

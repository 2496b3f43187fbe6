/**
 * Run the packages' maintainer scripts in a rootless container over the new root file system.
 *
 * The scripts find, before the system's own programs on PATH, stand-ins for what belongs to a full system (`stand-ins/`): dpkg's family,
 * update-alternatives, ucf, service managers. They run as root of a user namespace, with no network, in a pid namespace (nothing that
 * they start survives), and with ownership calls answered as done, as there is nobody else to own a file. Only /usr, /etc and /var
 * are the image's; what they leave elsewhere is thrown away.
 */

import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import type { Step as ProgressStep } from '../base/progress.ts'
import { emulatorSteps } from '../plan/emulation.ts'
import { encodePlan, type Step } from '../plan/format.ts'
import { deviceSteps } from '../plan/home.ts'
import { DO_NOTHING } from './answers.ts'

export interface Configurable {
  readonly name: string
  readonly version: string
  readonly scripts: { readonly preinst?: string; readonly postinst?: string; readonly triggers?: string }
  /** Paths of its files and folders, without a leading slash. */
  readonly paths: readonly string[]
}

/** The programs and libraries that stand in for a full system's, by file name. */
export interface StandIns {
  readonly programs: Readonly<Record<string, string>>
  readonly library: string
  readonly confmodule: string
}

export interface ConfigureInput {
  readonly packages: readonly Configurable[]
  readonly rootfs: string
  /** A private folder for scripts and logs; left for the caller to remove. */
  readonly work: string
  readonly launcher: string
  readonly architecture: string
  /** The line that registers the emulator of a foreign architecture. */
  readonly emulator: string | undefined
  readonly standIns: StandIns
  /** A shell command to end with. */
  readonly setup: string | undefined
  readonly progress: ProgressStep
}

/** @throws LangrunError `failed` with the package, its script and the end of what that printed. */
export async function configure(input: ConfigureInput): Promise<void> {
  const calls = [...scriptCalls(input.packages), ...(input.setup === undefined ? [] : [{ name: 'setup', script: 'setup', args: [] }])]
  writeWork(input, calls)
  const lent = lend(input)
  await runLauncher(input, calls.length)
  for (const path of lent) rmSync(path)
}

const WRITABLE = ['usr', 'etc', 'var'] as const
/** Called by absolute path from programs such as py3compile. */
const BY_PATH = ['dpkg', 'dpkg-query', 'dpkg-divert', 'dpkg-trigger', 'update-alternatives'] as const
/** debconf is not installed, but its interface is sourced by absolute path. */
const CONFMODULE = 'usr/share/debconf/confmodule'

/** Put stand-ins where PATH plays no part. @returns the files to take away again */
function lend({ rootfs, standIns }: ConfigureInput): string[] {
  // What the scripts may write; no package need have brought them.
  for (const folder of WRITABLE) mkdirSync(join(rootfs, folder), { recursive: true })
  mkdirSync(join(rootfs, dirname(CONFMODULE)), { recursive: true })
  writeFileSync(join(rootfs, CONFMODULE), standIns.confmodule)
  const links = BY_PATH.map((name) => join(rootfs, 'usr/bin', name)).filter((path) => !existsSync(path))
  for (const path of links) symlinkSync(join('/.langrun/programs', basename(path)), path)
  return [join(rootfs, CONFMODULE), ...links]
}

interface Call {
  readonly name: string
  readonly script: string
  readonly args: readonly string[]
}

/** In the packages' own order (dependencies first): install, configure; then the triggers. */
function scriptCalls(packages: readonly Configurable[]): Call[] {
  const calls: Call[] = []
  for (const { name, scripts } of packages) {
    // FACTS: no image missed a preinst: they prepare upgrades, diversions and users.
    if (scripts.postinst === undefined || Object.hasOwn(INSTEAD, name)) continue
    calls.push({ name, script: `${name}.postinst`, args: ['configure', ''] })
  }
  for (const [name, program] of Object.entries(INSTEAD)) {
    if (packages.some((it) => it.name === name)) calls.push({ name, script: program, args: [] })
  }
  return [...calls, ...triggerCalls(packages)]
}

/** Packages whose script is replaced by one program: ca-certificates asks debconf which authorities to trust, and needs openssl(1). */
const INSTEAD: Readonly<Record<string, string>> = { 'ca-certificates': 'update-ca-certificates' }

/**
 * `interest` in a path that some package has files in, or in a name that some package activates in its control data.
 * Names that scripts activate while they run are in the state folder by then, and are asked for by `run`.
 */
function triggerCalls(packages: readonly Configurable[]): Call[] {
  const activated = new Set(packages.flatMap(({ scripts }) => directives(scripts.triggers, /^activate(-noawait|-await)?$/)))
  return packages.flatMap(({ name, scripts }) => {
    if (scripts.postinst === undefined || Object.hasOwn(INSTEAD, name)) return []
    return directives(scripts.triggers, /^interest(-noawait|-await)?$/).map((trigger) => {
      const isPath = trigger.startsWith('/')
      const due = isPath
        ? packages.some((it) => it.name !== name && it.paths.some((path) => isBelow(path, trigger)))
        : activated.has(trigger)
      return { name, script: `${name}.postinst`, args: [due ? 'triggered' : 'if-activated', trigger] }
    })
  })
}

function isBelow(path: string, folder: string): boolean {
  return `/${path}` === folder || `/${path}`.startsWith(`${folder}/`)
}

/** deb-triggers(5): a directive and a name on each line. */
function directives(triggers: string | undefined, kind: RegExp): string[] {
  return (triggers ?? '').split('\n').flatMap((line) => {
    const [directive, name] = line.replace(/#.*/, '').trim().split(/\s+/)
    return directive !== undefined && name !== undefined && kind.test(directive) ? [name] : []
  })
}

function writeWork({ work, packages, architecture, standIns, setup }: ConfigureInput, calls: readonly Call[]): void {
  for (const folder of ['scripts', 'programs', 'packages']) mkdirSync(join(work, folder), { recursive: true })
  for (const { name, version, scripts, paths } of packages) {
    mkdirSync(join(work, 'packages', name))
    writeFileSync(join(work, 'packages', name, 'version'), `${version}\n`)
    writeFileSync(join(work, 'packages', name, 'list'), `${['/.', ...paths.map((path) => `/${path}`)].join('\n')}\n`)
    if (scripts.postinst !== undefined) writeProgram(join(work, 'scripts', `${name}.postinst`), scripts.postinst)
  }
  for (const name of DO_NOTHING) writeProgram(join(work, 'programs', name), '#!/bin/sh\nexit 0\n')
  for (const [name, text] of Object.entries(standIns.programs)) writeProgram(join(work, 'programs', name), text)
  for (const program of Object.values(INSTEAD)) writeProgram(join(work, 'scripts', program), standIns.programs[program] ?? '')
  if (setup !== undefined) writeProgram(join(work, 'scripts', 'setup'), `#!/bin/sh\nset -e\n${setup}\n`)
  writeFileSync(join(work, 'library'), standIns.library)
  writeFileSync(join(work, 'architecture'), `${architecture}\n`)
  writeFileSync(
    join(work, 'run'),
    RUN + calls.map(({ name, script, args }) => `run ${[name, script, ...args].map(quote).join(' ')}\n`).join(''),
  )
  mkdirSync(join(work, 'state'))
  writeFileSync(join(work, 'plan'), '')
}

/** What the container runs: a line a script on stdout, for progress; the output of the one that failed on stderr. */
const RUN = `
umask 022
run() {
  export DPKG_MAINTSCRIPT_PACKAGE="$1" DPKG_MAINTSCRIPT_NAME=postinst
  script=$2
  shift 2
  if [ "\${1-}" = if-activated ]; then
    grep -qxF -- "$2" /.langrun-state/triggers 2>/dev/null || return 0
    shift
    set -- triggered "$@"
  fi
  echo "$DPKG_MAINTSCRIPT_PACKAGE"
  "/.langrun/scripts/$script" "$@" >/.langrun-state/output 2>&1 </dev/null && return 0
  status=$?
  tail -n 20 /.langrun-state/output >&2
  echo "$script $* ended with $status" >&2
  exit 1
}
`

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

function writeProgram(path: string, text: string): void {
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

function steps({ rootfs, work, emulator }: ConfigureInput): Step[] {
  return [
    ['language', 'build'],
    ...(['user', 'mount', 'pid', 'net', 'ipc', 'uts'] as const).map((name): Step => ['namespace', name]),
    ['identity', 'root'],
    ['image', rootfs],
    ['root'],
    ...WRITABLE.map((name): Step => ['bind', join(rootfs, name), `/${name}`, 'sd']),
    // base-files removes links that lead nowhere: arm64 has no lib64.
    ...['bin', 'sbin', 'lib', 'lib64']
      .filter((name) => existsSync(join(rootfs, 'usr', name)))
      .map((name): Step => ['link', `usr/${name}`, `/${name}`]),
    ...['tmp', 'root', 'run', 'home', 'opt', 'srv', 'mnt', 'media', 'boot'].map((name): Step => ['tmpfs', `/${name}`, 'mode=755']),
    ...deviceSteps(),
    ['proc', '/proc'],
    ...emulatorSteps(emulator),
    ['bind', work, '/.langrun', 'rsd'],
    ['bind', join(work, 'state'), '/.langrun-state', 'sd'],
    ['cwd', '/'],
    ['unsetenv', '*'],
    ['setenv', 'PATH', '/.langrun/programs:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ['setenv', 'HOME', '/root'],
    ['setenv', 'LC_ALL', 'C.UTF-8'],
    ['setenv', 'DEBIAN_FRONTEND', 'noninteractive'],
    ['setenv', 'DPKG_ROOT', ''],
    ['setenv', 'DPKG_ADMINDIR', '/var/lib/dpkg'],
    ['setenv', 'DPKG_MAINTSCRIPT_ARCH', 'all'],
    ['seccomp', 'ownership'],
    ['exec', '/usr/bin/dash'],
    ['arg', 'sh'],
    ['arg', '/.langrun/run'],
  ]
}

/** Of a failing script's output, at most this many bytes are kept. */
const LONGEST_COMPLAINT = 8192

async function runLauncher(input: ConfigureInput, total: number): Promise<void> {
  const plan = join(input.work, 'plan')
  writeFileSync(plan, encodePlan(steps(input)))
  const child = spawn(input.launcher, ['--plan', plan], { stdio: ['ignore', 'pipe', 'pipe'] })
  let done = 0
  let complaint = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    done += text.split('\n').length - 1
    input.progress.update(done, total)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-LONGEST_COMPLAINT)
  })
  const ending = await new Promise<string | undefined>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve(status === 0 ? undefined : (signal ?? `exit code ${status}`)))
  })
  if (ending === undefined) return
  throw new LangrunError('failed', `cannot configure the packages in ${input.rootfs}`, {
    cause: complaint.trim() || ending,
    hint: 'see what this host lacks: langrun doctor',
  })
}

/** How long an install takes: from nothing, and as a second language; against mmdebstrap with the same packages and mirror. */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { chooseMirrors } from '../../src/debian/mirror.ts'
import { LANGRUN, ROOT } from '../machine.ts'
import { type Machine, must } from './machine.ts'
import { summarize } from './statistics.ts'
import { type Bound, bound, type Row } from './table.ts'

/** DESIGN §7, in seconds. */
const MOST = { clisp: { nothing: 2.5, second: 1 } } as const

/** Any other small language: it brings the base that all images share. */
const FIRST = 'lua'
/** What dpkg needs to run inside of a root, which mmdebstrap has it do; our images go without. */
const FOR_DPKG = ['dpkg', 'perl-base', 'tar', 'diffutils']
/** What maintainer scripts take for granted as essential: ucf calls getopt. */
const FOR_SCRIPTS: Readonly<Record<string, readonly string[]>> = { r: ['util-linux'] }

/** Clisp, whose bounds are known, and the language with the most files. */
export function installSubjects(): string[] {
  const largest = ['golang', 'go', 'r', 'node'].find((name) => existsSync(join(ROOT, 'runners', `${name}.toml`)))
  return ['clisp', ...(largest === undefined ? [] : [largest])]
}

export function measureInstall(machine: Machine, language: string, times: number, report: (text: string) => void): Row[] {
  const forScripts = [...FOR_DPKG, ...(FOR_SCRIPTS[language] ?? [])]
  const found: Record<'nothing' | 'second' | 'mmdebstrap', number[]> = { nothing: [], second: [], mmdebstrap: [] }
  let size = ''
  let note = spawnSync('mmdebstrap', ['--version']).error === undefined ? undefined : 'not measured: mmdebstrap is not installed'
  for (let i = 0; i < times; i++) {
    const world = makeWorld(machine)
    report(`install ${language}, ${i + 1} of ${times}`)
    found.nothing.push(timedInstall(machine, world, language))
    const { packages, description } = installedImage(world)
    size = description
    rmSync(world.data, { recursive: true })
    timedInstall(machine, world, FIRST)
    found.second.push(timedInstall(machine, world, language))
    rmSync(world.folder, { recursive: true })
    if (note !== undefined) continue
    const took = timedMmdebstrap(machine, [...packages, ...forScripts])
    if (typeof took === 'string') note = `failed: ${took}`
    else found.mmdebstrap.push(took)
  }
  const most = (MOST as Readonly<Record<string, { nothing: number; second: number }>>)[language]
  return [
    row(`${language} from nothing`, found.nothing, size, most?.nothing),
    row(`${language} as second language, packages cached`, found.second, size, most?.second),
    row(`${language} by mmdebstrap, same packages`, found.mmdebstrap, note ?? `and ${forScripts.join(', ')} for itself`),
  ]
}

interface World {
  readonly folder: string
  readonly data: string
  readonly cache: string
}

function makeWorld({ user }: Machine): World {
  const folder = mkdtempSync(join(user.home, 'install-'))
  spawnSync('chown', [String(user.uid), folder])
  return { folder, data: join(folder, 'data'), cache: join(folder, 'cache') }
}

/** @returns seconds */
function timedInstall({ user }: Machine, { data, cache }: World, language: string): number {
  const environment = { XDG_DATA_HOME: data, XDG_CACHE_HOME: cache }
  return timed(() => must(user.run(LANGRUN, ['install', language], { environment }), `install ${language}`))
}

function installedImage({ data }: World): { packages: string[]; description: string } {
  const images = join(data, 'langrun/images')
  const digest = spawnSync('ls', [images], { encoding: 'utf8' }).stdout.trim()
  const { packages, files, size } = JSON.parse(readFileSync(join(images, digest, 'image.json'), 'utf8'))
  const description = `${packages.length} packages, ${files} files, ${Math.round(size / 1e6)} MB`
  return { packages: packages.map(({ name }: { name: string }) => name), description }
}

/** @returns seconds, or why it failed */
function timedMmdebstrap({ folder }: Machine, packages: readonly string[]): number | string {
  const { debian, security } = chooseMirrors('/')
  const target = join(folder, 'mmdebstrap')
  mkdirSync(target)
  const sources = [`${debian} trixie`, `${debian} trixie-updates`, `${security} trixie-security`].map((it) => `deb ${it} main\n`).join('')
  const include = packages.join(',')
  const options = [
    '--mode=root',
    '--variant=custom',
    '--format=directory',
    `--include=${include}`,
    `--keyring=${join(ROOT, 'images/keys')}`,
  ]
  let problem: string | undefined
  const seconds = timed(() => {
    const { status, stderr } = spawnSync('mmdebstrap', [...options, 'trixie', target, '-'], { input: sources, encoding: 'utf8' })
    if (status !== 0) problem = reasonOf(stderr) ?? `status ${status}`
  })
  rmSync(target, { recursive: true, force: true })
  return problem ?? seconds
}

/** dpkg's own complaint says more than mmdebstrap's about dpkg. */
function reasonOf(stderr: string): string | undefined {
  const lines = stderr.split('\n')
  return (lines.find((line) => /not found|^dpkg: error/.test(line)) ?? lines.find((line) => line.startsWith('E:')))?.slice(0, 120)
}

/** What was written before is flushed first: it is not this install's work. */
function timed(work: () => void): number {
  spawnSync('sync')
  const before = performance.now()
  work()
  return (performance.now() - before) / 1000
}

function row(what: string, seconds: readonly number[], note: string, most?: number): Row {
  if (seconds.length === 0) return { group: 'install', what, unit: 's', count: 0, note }
  const summary = summarize(seconds)
  const bounds: Bound[] = most === undefined ? [] : [bound('seconds', most, summary.median)]
  return { group: 'install', what, unit: 's', ...summary, ...(bounds.length > 0 && { bounds }), note }
}

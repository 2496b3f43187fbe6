/**
 * `npm run bench`: the figures of DESIGN §7, measured side by side on this machine, in one table. It judges nothing: the exit code is 0
 * whether a bound is met or not.
 *
 *     npm run bench -- --launches 500 --languages lua,python --only launch --json
 */

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isRoot, LANGRUN, ROOT } from '../machine.ts'
import { type Engine, startEngine } from './docker.ts'
import { installSubjects as installs, measureInstall } from './install.ts'
import { measureLaunches } from './launch.ts'
import { installSubjects, prepareMachine } from './machine.ts'
import { measureParallel } from './parallel.ts'
import { measureSizes } from './sizes.ts'
import { type Row, renderTable } from './table.ts'

const USAGE = `usage: npm run bench -- [options]   (as root: it makes a user of its own, registers, mounts)
  --launches N       launches of each contender (default 200, at least 100 for figures that mean something)
  --installs N       installs of each kind (default 3)
  --languages A,B    what to launch (default lua,clisp,python,c)
  --only A,B         any of launch, parallel, size, install (default all)
  --json             one JSON document instead of the table
`

const { values: options } = parseArgs({
  options: {
    launches: { type: 'string', default: '200' },
    installs: { type: 'string', default: '3' },
    languages: { type: 'string', default: 'lua,clisp,python,c' },
    only: { type: 'string', default: 'launch,parallel,size,install' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) process.stdout.write(USAGE)
else if (!isRoot) process.stdout.write(`not measured: this needs root\n${USAGE}`)
else await takingAllBack(bench)

async function takingAllBack(work: (stack: AsyncDisposableStack) => Promise<void>): Promise<void> {
  const stack = new AsyncDisposableStack()
  let interrupted: Promise<never> | undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      interrupted ??= stack.disposeAsync().then(() => process.exit(130))
    })
  }
  try {
    await work(stack)
  } catch (error) {
    // What was taken back is missed at once, before all of it is.
    await interrupted
    throw error
  } finally {
    await stack.disposeAsync()
  }
}

async function bench(stack: AsyncDisposableStack): Promise<void> {
  if (!existsSync(LANGRUN)) execFileSync(process.execPath, [join(ROOT, 'scripts/build.ts')], { stdio: 'inherit' })
  const wanted = new Set(options.only.split(','))
  const rows: Row[] = []
  const load = readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ')
  const machine = prepareMachine(stack)
  report(`installing ${options.languages}`)
  const subjects = installSubjects(machine, options.languages.split(','))
  if (wanted.has('launch')) {
    const engine = await anEngine(stack, machine.user.name)
    for (const subject of subjects) {
      report(`launching ${subject.language.name}`)
      rows.push(...(await measureLaunches(machine, subject, Number(options.launches), engine)))
    }
  }
  if (wanted.has('parallel')) {
    report('launching in parallel')
    rows.push(...(await measureParallel(machine, subjects[0]!)))
  }
  if (wanted.has('size')) rows.push(...measureSizes(machine, subjects[0]!))
  if (wanted.has('install')) for (const name of installs()) rows.push(...measureInstall(machine, name, Number(options.installs), report))

  const about = { kernel: release(), cpus: navigator.hardwareConcurrency, loadBefore: load, mounts: countMounts() }
  if (options.json) process.stdout.write(`${JSON.stringify({ ...about, rows }, null, 2)}\n`)
  else {
    process.stdout.write(
      `\nLinux ${about.kernel}, ${about.cpus} CPUs, load before ${load}, ${about.mounts} mounts on the host\n\n${renderTable(rows)}`,
    )
  }
}

async function anEngine(stack: AsyncDisposableStack, group: string): Promise<Engine | string> {
  try {
    return await startEngine(stack, group)
  } catch (error) {
    if (stack.disposed) throw error // interrupted
    return error instanceof Error ? error.message : String(error)
  }
}

function countMounts(): number {
  return readFileSync('/proc/self/mounts', 'utf8').trim().split('\n').length
}

function report(text: string): void {
  process.stderr.write(`bench: ${text}\n`)
}

/** What the bench needs of the machine: a user, a system store, registrations, a folder; all of it its own, all of it taken back. */

import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type Language, parseLanguage } from '../../src/catalogue/recipe.ts'
import { decodePlan, type Step } from '../../src/plan/format.ts'
import { addSystem, addUser, LANGRUN, type Outcome, ROOT, type System, type User } from '../machine.ts'
import { compileWorker } from './worker.ts'

export interface Machine {
  readonly user: User
  readonly system: System
  /** For whatever the bench makes. */
  readonly folder: string
  /** measure.c, compiled. */
  readonly worker: string
}

/** @param stack takes it all back */
export function prepareMachine(stack: AsyncDisposableStack): Machine {
  const folder = stack.adopt(mkdtempSync(join(tmpdir(), 'langrun-bench-')), (path) => rmSync(path, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  const system = stack.adopt(addSystem(), (it) => it.remove())
  const user = stack.adopt(addUser(), (it) => it.remove())
  return { user, system, folder, worker: compileWorker(folder) }
}

/** An installed language with a script to run. */
export interface Subject {
  readonly language: Language
  readonly steps: readonly Step[]
  /** Where the script is; it is run as `./<script>`. */
  readonly folder: string
  readonly script: string
  readonly stdout: string
}

/** Install languages for the user and register them. */
export function installSubjects(machine: Machine, names: readonly string[]): Subject[] {
  must(machine.user.run(LANGRUN, ['install', ...names]), `install ${names.join(' ')}`)
  must(machine.system.langrun('register'), 'register')
  return names.map((name) => subject(machine, readLanguage(name)))
}

export function readLanguage(name: string): Language {
  return parseLanguage(name, readFileSync(join(ROOT, 'runners', `${name}.toml`), 'utf8'), `${name}.toml`)
}

/** A login's environment, as an ordinary user has it. */
export function login({ name, home }: User): Record<string, string> {
  const path = '/usr/local/bin:/usr/bin:/bin'
  return { HOME: home, USER: name, LOGNAME: name, SHELL: '/bin/bash', PATH: path, LANG: 'C.UTF-8', TERM: 'xterm' }
}

export function must(outcome: Outcome, what: string): Outcome {
  if (outcome.status !== 0) throw new Error(`cannot ${what}: status ${outcome.status}\n${outcome.stderr}`)
  return outcome
}

function subject(machine: Machine, language: Language): Subject {
  const { user } = machine
  const example = language.examples.find(
    ({ name, stdin, args, status }) => name === 'hello' || (stdin === '' && args.length === 0 && status === 0),
  )
  if (example === undefined) throw new Error(`${language.name} has no example without input`)
  const folder = join(user.home, 'bench', language.name)
  mkdirSync(folder, { recursive: true })
  const script = join(folder, example.file)
  writeFileSync(script, example.script)
  chmodSync(script, 0o755)
  for (const path of [join(user.home, 'bench'), folder, script]) chownSync(path, user.uid, user.uid)
  const plan =
    language.compile === undefined
      ? join(user.home, '.local/share/langrun/plans', `${language.name}.home`)
      : compiledPlan(machine, language, script)
  return { language, steps: decodePlan(readFileSync(plan)), folder, script: `./${basename(script)}`, stdout: example.stdout }
}

/** A compiled language has a plan for each script, once it was compiled. */
function compiledPlan({ user }: Machine, { name }: Language, script: string): string {
  must(user.run(LANGRUN, ['run', script]), `compile ${script}`)
  const folder = join(user.home, '.cache/langrun/scripts')
  const plan = readdirSync(folder).find((it) => it.startsWith(`${name}-`))
  if (plan === undefined) throw new Error(`${script} was compiled, but has no plan in ${folder}`)
  return join(folder, plan)
}

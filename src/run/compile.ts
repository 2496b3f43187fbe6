/**
 * Compile a script once, and keep the result where its plan finds it:
 *
 *     ~/.cache/langrun/compiled/<name>-<hash>/       what the compiler made
 *     ~/.cache/langrun/scripts/<name>-<hash>.plan    starts it, as long as its inputs are what they were
 *
 * Of a hundred first runs at once one compiles, and the others wait for it.
 */

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ensureFolder, readIfThere, replaceFile } from '../base/files.ts'
import type { Progress } from '../base/progress.ts'
import { OUTPUT } from '../catalogue/recipe.ts'
import { compilePlan } from '../plan/compile.ts'
import { emulatorLine } from '../plan/emulation.ts'
import { decodePlan, encodePlan, type Step } from '../plan/format.ts'
import { compiledName, interpreterPlan, planPath } from '../plan/publish.ts'
import { lockFile } from '../store/lock.ts'
import { rootfsOf } from '../store/store.ts'
import { inputSteps, isCurrent } from './inputs.ts'
import type { Runnable } from './runnable.ts'
import { evict } from './script-cache.ts'
import { hashScript } from './script-plan.ts'

export interface CompileOptions {
  /** langrun's cache folder. */
  readonly cache: string
  readonly launcher: string
  readonly profile: string
  /** The caller's working folder. */
  readonly cwd: string
  readonly progress: Progress
  /** Bytes that the cache may hold for scripts. */
  readonly cacheSize: number
}

export type Compiled =
  | { readonly kind: 'plan'; readonly steps: readonly Step[] }
  /** The compiler said why on stderr; this is its exit code. */
  | { readonly kind: 'failed'; readonly status: number }

/** The plan that runs `script`, a path as the caller gave it; compiled first if it has to be. */
export async function compileScript(runnable: Runnable, script: string, options: CompileOptions): Promise<Compiled> {
  const { language, image } = runnable
  const path = realpathSync(script)
  const key = `${compiledName(language, image)}-${hashScript(path)}`
  const [plans, results] = ['scripts', 'compiled'].map((name) => join(options.cache, name)) as [string, string]
  ensureFolder(options.cache, 0o700)
  for (const folder of [plans, results]) ensureFolder(folder, 0o700)
  const plan = join(plans, `${key}.plan`)
  await using _lock = await lockFile(join(results, `${key}.lock`), options.launcher, options.progress)
  const before = readPlan(plan)
  if (before !== undefined && isCurrent(before) && existsSync(join(results, key))) return { kind: 'plan', steps: before }

  const work = mkdtempSync(join(results, '.work-'))
  try {
    const output = join(work, 'output')
    mkdirSync(output)
    const status = await runCompiler(runnable, script, path, work, options)
    if (status !== 0) return { kind: 'failed', status }
    const place = join(results, key)
    const inputs = readInputs(join(output, 'inputs.d'), path)
    rmSync(place, { recursive: true, force: true })
    renameSync(output, place)
    const steps = [...inputSteps([planPath(runnable.store, language.name, options.profile), ...inputs]), ...runSteps(runnable, place)]
    replaceFile(plan, encodePlan(steps))
    evict(options.cache, options.cacheSize, key)
    return { kind: 'plan', steps }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** What starts the compiled program. */
function runSteps({ language, store, image }: Runnable, output: string): Step[] {
  const command = language.command.map((word) => word.replaceAll(OUTPUT, output))
  return interpreterPlan(store, language, image, command)
}

/** The compiler's messages go to stderr, whichever way it prints them. @returns its exit code */
async function runCompiler(
  { language, store, image }: Runnable,
  script: string,
  path: string,
  work: string,
  options: CompileOptions,
): Promise<number> {
  const copy = copyWithoutShebang(path, join(work, 'source'))
  const steps = compilePlan({
    language,
    compile: language.compile ?? '',
    rootfs: rootfsOf(store, image),
    script,
    path,
    copy,
    output: join(work, 'output'),
    cwd: options.cwd,
    emulator: emulatorLine(store, language.architecture),
  })
  const plan = join(work, 'plan')
  writeFileSync(plan, encodePlan(steps))
  const child = spawn(options.launcher, ['--plan', plan], { stdio: ['ignore', 2, 2] })
  return new Promise((done, reject) => {
    child.once('error', reject)
    child.once('close', (status) => done(status ?? 1))
  })
}

/** A first line for the kernel is none of the compiler's business; emptied, the other lines keep their numbers. */
function copyWithoutShebang(path: string, copy: string): string | undefined {
  const source = readFileSync(path)
  if (source.subarray(0, 2).toString('latin1') !== '#!') return undefined
  const end = source.indexOf('\n')
  writeFileSync(copy, end === -1 ? '' : source.subarray(end))
  return copy
}

/** The host's files of a make rule, `out: a.c b.h \`; those of the image cannot change. */
function readInputs(rule: string, script: string): string[] {
  const text = readIfThere(rule)
  if (text === undefined) return []
  const names = text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .flatMap((line) => line.replace(/^([^:\\]|\\.)*:(\s|$)/, '').match(/(\\.|[^\s\\])+/g) ?? [])
    .map((name) => resolve(name.replaceAll(/\\(.)/g, '$1')))
  return [...new Set(names)].filter(
    (name) => name !== script && !/^\/(usr|etc|lib|\.langrun)\b/.test(name) && existsSync(name) && realpathSync(name) !== script,
  )
}

function readPlan(path: string): Step[] | undefined {
  try {
    return decodePlan(readFileSync(path))
  } catch {
    return undefined
  }
}

/** `langrun run FILE [ARG…]`, `exec LANGUAGE -- PROGRAM [ARG…]`, `repl LANGUAGE`: become the program. */

import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { basename, extname } from 'node:path'
import { LangrunError } from '../base/error.ts'
import { silent } from '../base/progress.ts'
import { findLanguage, ownerOf } from '../catalogue/catalogue.ts'
import type { Language } from '../catalogue/recipe.ts'
import { launcherPath } from '../plan/publish.ts'
import type { CompileOptions } from '../run/compile.ts'
import { become, type Launch, launchProgram } from '../run/launch.ts'
import type { Runnable } from '../run/runnable.ts'
import { chooseLanguage, showScript } from '../run/script-plan.ts'
import { startSteps } from '../run/start.ts'
import type { Store } from '../store/store.ts'
import { type Context, claims, findInstalled, languageNamed, requireInstalled, requireProfile } from './context.ts'
import { installOnFirstUse } from './first-use.ts'
import { prepareStore } from './tools.ts'

export interface RunOptions {
  readonly language?: string
  readonly profile?: string
}

/** @returns a compiler's status if it failed; otherwise this process is the script from here on */
export async function run(context: Context, file: string, args: readonly string[], options: RunOptions): Promise<number> {
  const profile = options.profile ?? context.settings.profile
  requireProfile(profile)
  if (!existsSync(file)) throw new LangrunError('not-found', `cannot run ${file}`, { cause: 'there is no such file' })
  const runnable = await runnableFor(context, file, options)
  const start = await startSteps(runnable, file, compileOptions(context, runnable.store, profile))
  if (start.kind === 'failed') return start.status
  become(launchOf(context, runnable.store), showScript(start.steps, runnable, file), [file, ...args])
}

export function exec(context: Context, name: string, words: readonly string[]): never {
  requireProfile(context.settings.profile)
  const runnable = requireInstalled(context, name)
  const [program, ...args] = words
  if (program === undefined) {
    const hint = `langrun exec ${name} -- PROGRAM [ARGUMENT…], or for the interactive interpreter: langrun repl ${name}`
    throw new LangrunError('usage', `cannot run nothing in the image of ${name}`, { hint })
  }
  launchProgram(runnable, launchOf(context, runnable.store), [program], args)
}

export function repl(context: Context, name: string): never {
  requireProfile(context.settings.profile)
  const runnable = requireInstalled(context, name)
  const { repl: command, note } = runnable.language
  if (command === undefined) {
    throw new LangrunError('unsupported', `cannot start a dialogue with ${name}`, {
      cause: note ?? 'its recipe names no interactive interpreter',
    })
  }
  launchProgram(runnable, launchOf(context, runnable.store), command, [])
}

/** While a compiler works only a terminal is told: elsewhere stderr is the compiler's and the script's. */
export function compileOptions(context: Context, store: Store, profile: string): CompileOptions {
  const { launcher, cache } = launchOf(context, store)
  return {
    launcher,
    cache,
    profile,
    cacheSize: context.settings.config.cacheSize,
    cwd: process.cwd(),
    progress: process.stderr.isTTY ? context.progress : silent,
  }
}

function launchOf(context: Context, store: Store): Launch {
  const launcher = launcherPath(store)
  // A store made by an older langrun, or by hand, may lack it.
  if (!existsSync(launcher)) prepareStore(context, store)
  return { launcher, cache: context.settings.cache, environment: context.settings.environment }
}

async function runnableFor(context: Context, file: string, { language: name }: RunOptions): Promise<Runnable> {
  const claimed = name === undefined ? claims(context, extname(file).slice(1)) : undefined
  if (claimed !== undefined) return chooseLanguage(file, claimed.runnables).runnable
  const language = name === undefined ? languageOf(context, file) : languageNamed(context, name)
  return findInstalled(context, language) ?? (await installOnFirstUse(context, language, `cannot run ${file}`))
}

/** Of a file that no installed language claims: by its ending, or without one by the interpreter that its first line names. */
function languageOf(context: Context, file: string): Language {
  const extension = extname(file).slice(1)
  const owner = ownerOf(context.catalogue, extension)
  if (owner !== undefined) return owner
  const named = interpreterOf(file)
  if (named !== undefined) return findLanguage(context.catalogue, named)
  throw new LangrunError('not-found', `cannot tell the language of ${file}`, {
    cause: extname(file) === '' ? 'its name has no ending' : `no language has the ending ${extname(file)}`,
    hint: `langrun run --language NAME ${file}; all names: langrun list --all`,
  })
}

/** The kernel reads as much of a first line (BINPRM_BUF_SIZE). */
const LONGEST_SHEBANG = 256

/** `#!/usr/bin/env python3` → `python3`. */
function interpreterOf(file: string): string | undefined {
  const start = Buffer.alloc(LONGEST_SHEBANG)
  const fd = openSync(file, 'r')
  try {
    readSync(fd, start)
  } finally {
    closeSync(fd)
  }
  const words =
    /^#![ \t]*([^\n]*)/
      .exec(start.toString('latin1'))?.[1]
      ?.trim()
      .split(/[ \t]+/) ?? []
  const program =
    basename(words[0] ?? '') === 'env' ? words.slice(1).find((word) => !word.startsWith('-') && !word.includes('=')) : words[0]
  return program === undefined || program === '' || basename(program) === 'langrun' ? undefined : basename(program)
}

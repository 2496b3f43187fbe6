/** Hand this process over to the launcher: Node is gone, and the script has our pid, terminal and descriptors. */

import { join } from 'node:path'
import { sha256 } from '../base/digest.ts'
import { LangrunError } from '../base/error.ts'
import { ensureFolder, readIfThere, replaceFile } from '../base/files.ts'
import { ARGUMENTS } from '../catalogue/recipe.ts'
import { encodePlan, type Step } from '../plan/format.ts'
import { interpreterPlan } from '../plan/publish.ts'
import { reveal } from '../plan/reveal.ts'
import { rootfsOf } from '../store/store.ts'
import type { Runnable } from './runnable.ts'

export interface Launch {
  readonly launcher: string
  /** Plans that no store holds are kept here by their digest. */
  readonly cache: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Become a program of the language's image. @param command words as in a recipe, without a script */
export function launchProgram(runnable: Runnable, launch: Launch, command: readonly string[], args: readonly string[]): never {
  const { language, store, image } = runnable
  const steps = interpreterPlan(store, language, image, [...command, ARGUMENTS])
  become(launch, reveal(steps, rootfsOf(store, image), { cwd: process.cwd() }), ['', ...args])
}

/** @param words the script's path and its arguments */
export function become({ launcher, cache, environment }: Launch, steps: readonly Step[], words: readonly string[]): never {
  const plan = keepPlan(cache, encodePlan(steps))
  const defined = Object.fromEntries(Object.entries(environment).filter((pair): pair is [string, string] => pair[1] !== undefined))
  // Node ignores SIGPIPE, and what is ignored stays so across execve: 0 asks for every signal's default.
  process.execve?.(launcher, ['langrun', '--plan', plan, '--ignore-signals', '0', '--', ...words], defined)
  throw new LangrunError('unsupported', `cannot start ${launcher}`, {
    cause: 'this Node.js has no process.execve',
    hint: 'use Node.js 24 or later',
  })
}

function keepPlan(cache: string, bytes: Buffer): string {
  const folder = join(cache, 'plans')
  const path = join(folder, sha256(bytes))
  if (readIfThere(path) === undefined) {
    ensureFolder(cache, 0o700)
    ensureFolder(folder, 0o700)
    replaceFile(path, bytes)
  }
  return path
}

/** The runner's slow path: it asks for a plan for the script and the working folder, and carries it out itself. */

import { writeSync } from 'node:fs'
import { extname } from 'node:path'
import { LangrunError } from '../base/error.ts'
import { encodePlan } from '../plan/format.ts'
import { chooseLanguage, keepChoice, showScript } from '../run/script-plan.ts'
import { startSteps } from '../run/start.ts'
import { type Context, claims, findInstalled, languageNamed, requireProfile } from './context.ts'
import { installOnFirstUse } from './first-use.ts'
import { compileOptions } from './run.ts'

export interface PrepareOptions {
  readonly planFd: string
  readonly language: string
  readonly profile: string
  readonly script?: string
  /** The language is bound to a magic that the script has: its ending says nothing. */
  readonly bound?: boolean
}

/** @returns the status to exit with: a compiler's own if it failed */
export async function prepare(
  context: Context,
  { planFd, language: name, profile, script, bound = false }: PrepareOptions,
): Promise<number> {
  requireProfile(profile)
  const claimed = script === undefined || bound ? undefined : claims(context, extname(script).slice(1))
  const choice =
    script !== undefined && claimed !== undefined && claimed.runnables.length > 1 ? chooseLanguage(script, claimed.runnables) : undefined
  const language = languageNamed(context, name)
  const runnable =
    choice?.runnable ?? findInstalled(context, language) ?? (await installOnFirstUse(context, language, `cannot run ${script ?? name}`))
  const start = await startSteps(runnable, script, compileOptions(context, runnable.store, profile))
  if (start.kind === 'failed') return start.status
  if (script !== undefined && claimed !== undefined && choice !== undefined) {
    try {
      keepChoice(context.settings.cache, script, choice, claimed.store, profile, start.steps)
    } catch {
      // A cache that cannot be written makes the next start slower, and this one no worse.
    }
  }
  writePlan(planFd, encodePlan(showScript(start.steps, runnable, script)))
  return 0
}

function writePlan(planFd: string, bytes: Buffer): void {
  const fd = Number(planFd)
  if (!Number.isInteger(fd) || fd < 0) throw new LangrunError('usage', `cannot write a plan to descriptor ${planFd}`)
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}

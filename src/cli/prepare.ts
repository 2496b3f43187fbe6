/** The runner's slow path: it asks for a plan for the script and the working folder, and carries it out itself. */

import { writeSync } from 'node:fs'
import { extname } from 'node:path'
import { LangrunError } from '../base/error.ts'
import { encodePlan } from '../plan/format.ts'
import type { Runnable } from '../run/runnable.ts'
import { chooseLanguage, keepChoice, scriptPlan } from '../run/script-plan.ts'
import { type Context, claims, findInstalled, languageNamed, requireProfile } from './context.ts'
import { installOnFirstUse } from './first-use.ts'

export interface PrepareOptions {
  readonly planFd: string
  readonly language: string
  readonly profile: string
  readonly script?: string
}

export async function prepare(context: Context, { planFd, language: name, profile, script }: PrepareOptions): Promise<void> {
  requireProfile(profile)
  const chosen = script === undefined ? undefined : chooseAndKeep(context, script, profile)
  const language = languageNamed(context, name)
  const runnable =
    chosen ?? findInstalled(context, language) ?? (await installOnFirstUse(context, language, `cannot run ${script ?? name}`))
  const bytes = encodePlan(scriptPlan(runnable, script))
  const fd = Number(planFd)
  if (!Number.isInteger(fd) || fd < 0) throw new LangrunError('usage', `cannot write a plan to descriptor ${planFd}`)
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}

/** For an ending that several installed languages can run: one of them, remembered for the next start. */
function chooseAndKeep(context: Context, script: string, profile: string): Runnable | undefined {
  const claimed = claims(context, extname(script).slice(1))
  if (claimed === undefined || claimed.runnables.length < 2) return undefined
  const choice = chooseLanguage(script, claimed.runnables)
  try {
    keepChoice(context.settings.cache, script, choice, claimed.store, profile)
  } catch {
    // A cache that cannot be written makes the next start slower, and this one no worse.
  }
  return choice.runnable
}

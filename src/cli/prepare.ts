/** The runner's slow path: it asks for a plan that shows the script and the working folder, and carries it out itself. */

import { writeSync } from 'node:fs'
import { LangrunError } from '../base/error.ts'
import { encodePlan } from '../plan/format.ts'
import { scriptPlan } from '../run/launch.ts'
import { type Context, findInstalled, languageNamed, notInstalled, requireProfile } from './context.ts'

export interface PrepareOptions {
  readonly planFd: string
  readonly language: string
  readonly profile: string
  readonly script?: string
}

export function prepare(context: Context, { planFd, language: name, profile, script }: PrepareOptions): void {
  requireProfile(profile)
  const language = languageNamed(context, name)
  const runnable = findInstalled(context, language)
  if (runnable === undefined) throw notInstalled(language, `cannot run ${script ?? name}`)
  const bytes = encodePlan(scriptPlan(runnable, script))
  const fd = Number(planFd)
  if (!Number.isInteger(fd) || fd < 0) throw new LangrunError('usage', `cannot write a plan to descriptor ${planFd}`)
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}

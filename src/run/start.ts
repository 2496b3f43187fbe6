/** What starts a script of an installed language: its interpreter, or the program that it is compiled to. */

import { interpreterPlan } from '../plan/publish.ts'
import { type Compiled, type CompileOptions, compileScript } from './compile.ts'
import type { Runnable } from './runnable.ts'

/** @param script a path as the caller gave it; undefined for an interpreter without one */
export async function startSteps(runnable: Runnable, script: string | undefined, options: CompileOptions): Promise<Compiled> {
  const { language, store, image } = runnable
  if (language.compile !== undefined && script !== undefined) return compileScript(runnable, script, options)
  return { kind: 'plan', steps: interpreterPlan(store, language, image) }
}

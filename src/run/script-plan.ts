/**
 * The plan for one script: where its ending alone does not say how to run it.
 *
 * What was decided is kept in the cache under the script's hash, with everything that it was decided by, so that the launcher takes the
 * fast path from the second start on. ARCHITECTURE.md, "Plans for scripts".
 */

import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync, realpathSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { ensureFolder, replaceFile } from '../base/files.ts'
import { recognize } from '../catalogue/content.ts'
import { encodePlan, type Step } from '../plan/format.ts'
import { planPath, scriptPlanName } from '../plan/publish.ts'
import { reveal } from '../plan/reveal.ts'
import { rootfsOf, type Store } from '../store/store.ts'
import { inputSteps } from './inputs.ts'
import { findProject, projectPlaces } from './project.ts'
import type { Runnable } from './runnable.ts'

/** `steps` with the current folder and `script`, a path as the caller gave it, in sight, wherever they lie. */
export function showScript(steps: readonly Step[], { store, image }: Runnable, script: string | undefined): Step[] {
  const inSight = script === undefined ? {} : { script: realpathSync(script), folder: realpathSync(dirname(script)) }
  return reveal(steps, rootfsOf(store, image), { cwd: process.cwd(), ...inSight })
}

export interface Choice {
  readonly runnable: Runnable
  /** What decided, for `langrun why`. */
  readonly by: 'folder' | 'content' | 'default'
}

/** As much of a script is looked at. */
const LOOKED_AT = 64 * 1024

/**
 * Who runs a script with an ending that several installed languages can: the folder's settings, else its content where that is clear,
 * else the default, which comes first among the claimants.
 */
export function chooseLanguage(script: string, claimants: readonly Runnable[]): Choice {
  const [first] = claimants
  if (first === undefined) throw new Error('no language to choose from')
  const named = (name: string | undefined): Runnable | undefined => claimants.find(({ language }) => language.name === name)
  const path = realpathSync(script)
  const extension = extname(script).slice(1)
  const byFolder = named(findProject(dirname(path))?.project.extensions[extension])
  if (byFolder !== undefined) return { runnable: byFolder, by: 'folder' }
  const byContent = claimants.length > 1 ? named(recognize(extension, readStart(path))) : undefined
  if (byContent !== undefined) return { runnable: byContent, by: 'content' }
  return { runnable: first, by: 'default' }
}

/**
 * Keep the plan of a choice for the launcher.
 *
 * @param cache langrun's cache folder
 * @param claimed the store whose ending is ambiguous
 * @param steps what starts the script, from anywhere
 */
export function keepChoice(
  cache: string,
  script: string,
  { runnable, by }: Choice,
  claimed: Store,
  profile: string,
  steps: readonly Step[],
): void {
  const path = realpathSync(script)
  const extension = extname(script).slice(1)
  const folder = join(cache, 'scripts')
  ensureFolder(cache, 0o700)
  ensureFolder(folder, 0o700)
  const decided = [planPath(claimed, `.${extension}`, profile), planPath(runnable.store, runnable.language.name, profile)]
  const all = [...inputSteps(decided), ...projectInputs(dirname(path), by === 'folder'), ...steps]
  replaceFile(join(folder, `${scriptPlanName(extension)}-${hashScript(path)}.plan`), encodePlan(all))
}

/** The launcher's key (`launcher/script.c`): the folder, a NUL, the content. */
export function hashScript(path: string): string {
  const folder = dirname(path)
  return createHash('sha256')
    .update(folder === '/' ? '/' : `${folder}/`)
    .update('\0')
    .update(readFileSync(path))
    .digest('hex')
}

/** Up to the one that decided, or all the way up: a new one nearer by would decide instead. */
function projectInputs(folder: string, hasDecided: boolean): Step[] {
  const decided = findProject(folder)?.path
  const places = projectPlaces(folder)
  const looked = hasDecided && decided !== undefined ? places.slice(0, places.indexOf(decided) + 1) : places
  return inputSteps(looked)
}

function readStart(path: string): string {
  const start = Buffer.alloc(LOOKED_AT)
  const fd = openSync(path, 'r')
  try {
    return start.toString('utf8', 0, readSync(fd, start))
  } finally {
    closeSync(fd)
  }
}

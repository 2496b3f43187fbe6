/**
 * The plan for one script: where its ending alone does not say how to run it.
 *
 * What was decided is kept in the cache under the script's hash, with everything that it was decided by, so that the launcher takes the
 * fast path from the second start on. ARCHITECTURE.md, "Plans for scripts".
 */

import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { ensureFolder, replaceFile } from '../base/files.ts'
import { recognize } from '../catalogue/content.ts'
import { emulatorLine } from '../plan/emulation.ts'
import { encodePlan, type Step } from '../plan/format.ts'
import { homePlan } from '../plan/home.ts'
import { planPath, scriptPlanName } from '../plan/publish.ts'
import { reveal } from '../plan/reveal.ts'
import { rootfsOf } from '../store/store.ts'
import { findProject, projectPlaces } from './project.ts'
import type { Runnable } from './runnable.ts'

/** The plan that starts `script`, a path as the caller gave it, from the current folder, wherever they lie. */
export function scriptPlan({ language, store, image }: Runnable, script: string | undefined): Step[] {
  const rootfs = rootfsOf(store, image)
  const inSight = script === undefined ? {} : { script: realpathSync(script), folder: realpathSync(dirname(script)) }
  return reveal(homePlan({ language, rootfs, emulator: emulatorLine(store, language.architecture) }), rootfs, {
    cwd: process.cwd(),
    ...inSight,
  })
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

/** Keep the plan of a choice for the launcher. @param cache langrun's cache folder @param claimed the store whose ending is ambiguous */
export function keepChoice(cache: string, script: string, { runnable, by }: Choice, claimed: Runnable['store'], profile: string): void {
  const path = realpathSync(script)
  const extension = extname(script).slice(1)
  const name = scriptPlanName(extension)
  const folder = join(cache, 'scripts')
  ensureFolder(cache, 0o700)
  ensureFolder(folder, 0o700)
  const rootfs = rootfsOf(runnable.store, runnable.image)
  const steps = [
    ...inputs([planPath(claimed, `.${extension}`, profile), planPath(runnable.store, runnable.language.name, profile)]),
    ...projectInputs(dirname(path), by === 'folder'),
    ...homePlan({ language: runnable.language, rootfs, emulator: emulatorLine(runnable.store, runnable.language.architecture) }),
  ]
  replaceFile(join(folder, `${name}-${hashScript(path)}.plan`), encodePlan(steps))
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

function inputs(paths: readonly string[]): Step[] {
  return paths.map((path) => ['input', path, stampOf(path)])
}

/** Up to the one that decided, or all the way up: a new one nearer by would decide instead. */
function projectInputs(folder: string, hasDecided: boolean): Step[] {
  const decided = findProject(folder)?.path
  const places = projectPlaces(folder)
  const looked = hasDecided && decided !== undefined ? places.slice(0, places.indexOf(decided) + 1) : places
  return looked.map((path) => (statSync(path, { throwIfNoEntry: false }) === undefined ? ['absent', path] : ['input', path, stampOf(path)]))
}

/** `<bytes> <mtime in nanoseconds> <inode>` */
function stampOf(path: string): string {
  const { size, mtimeNs, ino } = statSync(path, { bigint: true })
  return `${size} ${mtimeNs} ${ino}`
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

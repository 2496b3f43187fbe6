/**
 * What a plan shows of the host, and how to show a folder that it covers.
 *
 * A plan hides the host's /usr and /etc behind the image's. A script may lie there all the same (/usr/share/doc/…/examples), or be
 * started from there: then the image's folders above it are mounted entry by entry, which leaves room for the host's own.
 */

import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isFolder } from '../base/files.ts'
import { destination, type Step } from './format.ts'
import { withoutSkeleton } from './skeleton.ts'

/** Whether the host's `path`, a canonical name, is there under the same name; the launcher decides by the same rule. */
export function isVisible(steps: readonly Step[], path: string): boolean {
  if (path === '/') return true
  let best: { length: number; step: Step } | undefined
  for (const step of steps) {
    const at = destination(step)
    if (at !== undefined && isPrefix(at, path) && at.length >= (best?.length ?? 0)) best = { length: at.length, step }
  }
  if (best === undefined) return false
  return best.step[0] === 'host' || (best.step[0] === 'dir' && best.step[1] === path)
}

/** What must be in sight; all of them canonical names. */
export interface InSight {
  readonly cwd: string
  /** The script itself. */
  readonly script?: string | undefined
  /** The folder that the script was named in: not the script's own if that is a link. */
  readonly folder?: string | undefined
}

/** The same plan, with all that in sight. */
export function reveal(steps: readonly Step[], rootfs: string, { cwd, script, folder }: InSight): Step[] {
  let result = [...steps]
  if (script !== undefined && !isVisible(result, script)) {
    // Where the image has that folder too (/usr/bin), only the script itself is the host's.
    const parent = dirname(script)
    result = show(result, rootfs, isFolder(join(rootfs, parent)) ? script : parent)
  }
  if (folder !== undefined && !isVisible(result, folder)) result = show(result, rootfs, folder)
  if (!isVisible(result, cwd)) {
    const isThere = isFolder(join(rootfs, cwd)) || result.some((step) => isPrefix(cwd, destination(step) ?? ''))
    result = isThere ? insertBefore(result, 'exec', [['cwd', cwd]]) : show(result, rootfs, cwd)
  }
  return result
}

/** Mount the host's `path`, after opening the image's folders above it. */
function show(steps: readonly Step[], rootfs: string, path: string): Step[] {
  let result = withoutSkeleton(steps)
  for (const folder of ancestors(path)) {
    const at = result.findIndex((step) => step[0] === 'from-image' && step[1] === folder)
    if (at !== -1) result = [...result.slice(0, at), ...openFolder(rootfs, folder, basename(path)), ...result.slice(at + 1)]
  }
  return insertBefore(result, 'stores', [['host', path, '-']])
}

function openFolder(rootfs: string, folder: string, without: string): Step[] {
  const steps: Step[] = [['dir', folder]]
  for (const name of readdirSync(join(rootfs, folder)).sort()) {
    const path = join(folder, name)
    if (lstatSync(join(rootfs, path)).isSymbolicLink()) {
      if (name !== without) steps.push(['link', readlinkSync(join(rootfs, path)), path])
    } else steps.push(['from-image', path, 'rsd'])
  }
  return steps
}

/** `/usr/share/doc` → `/usr`, `/usr/share`. */
function ancestors(path: string): string[] {
  const parts = path.split('/').slice(1, -1)
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
}

function insertBefore(steps: readonly Step[], operation: Step[0], added: readonly Step[]): Step[] {
  const at = steps.findIndex((step) => step[0] === operation)
  return [...steps.slice(0, at), ...added, ...steps.slice(at)]
}

function isPrefix(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}

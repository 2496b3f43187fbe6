/** langrun's own programs inside a store: the launcher, and the way back to langrun for the slow path. */

import { chmodSync, constants, copyFileSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { explainDisk } from '../base/error.ts'
import { replaceFile, replaceLink } from '../base/files.ts'
import { launcherPath } from '../plan/publish.ts'
import { createStore, type Store } from '../store/store.ts'
import { launcherFor } from './assets.ts'
import type { Context } from './context.ts'

/** Make the store with its programs. @returns the launcher's path */
export function prepareStore(context: Context, store: Store): string {
  createStore(store)
  const launcher = launcherPath(store)
  const bytes = launcherFor(context.assets, process.arch)
  try {
    // Replaced only when it changed: another langrun may be running it.
    if (statSync(launcher, { throwIfNoEntry: false })?.size !== bytes.length || !isSame(launcher, bytes))
      replaceFile(launcher, bytes, 0o755)
    placeLangrun(context.executable, store)
  } catch (error) {
    throw explainDisk(error, `cannot write the programs of the store ${store.path}`)
  }
  return launcher
}

function isSame(path: string, bytes: Buffer): boolean {
  return readFileSync(path).equals(bytes)
}

/**
 * A user's store links to the user's own langrun. The system's holds a copy that root owns: every user's runners start it, and the
 * original may lie in somebody's home.
 */
function placeLangrun(executable: string, store: Store): void {
  const place = join(store.path, 'bin', 'langrun')
  if (store.kind === 'user') {
    if (executable !== place) replaceLink(place, executable)
    return
  }
  const [source, copy] = [statSync(executable), statSync(place, { throwIfNoEntry: false })]
  if (copy !== undefined && copy.size === source.size && copy.mtimeMs >= source.mtimeMs) return
  const aside = `${place}.${process.pid}`
  copyFileSync(executable, aside, constants.COPYFILE_FICLONE)
  chmodSync(aside, 0o755)
  renameSync(aside, place)
}

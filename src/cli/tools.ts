/** langrun's own programs inside a store: the launcher, and the way back to langrun for the slow path. */

import { chmodSync, constants, copyFileSync, lstatSync, readFileSync, renameSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { explainDisk } from '../base/error.ts'
import { linkTarget, replaceFile, replaceLink } from '../base/files.ts'
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
 * A user's store links to the langrun that the user installs with, if nobody else can change it. Otherwise, and in the system's store, it
 * holds a copy: every user's runners start that one, and the original may lie in somebody's home.
 */
function placeLangrun(executable: string, store: Store): void {
  const place = join(store.path, 'bin', 'langrun')
  if (executable === place || linkTarget(place) === executable) return
  if (store.kind === 'user' && [executable, dirname(executable)].every(isSafe)) {
    replaceLink(place, executable)
    return
  }
  const [source, copy] = [statSync(executable), lstatSync(place, { throwIfNoEntry: false })]
  if (copy?.isFile() && copy.size === source.size && copy.mtimeMs >= source.mtimeMs) return
  const aside = `${place}.${process.pid}`
  copyFileSync(executable, aside, constants.COPYFILE_FICLONE)
  chmodSync(aside, 0o755)
  renameSync(aside, place)
}

/** Ours or root's, and nobody else can write to it. */
function isSafe(path: string): boolean {
  const { uid, mode } = statSync(path)
  return (uid === process.geteuid?.() || uid === 0) && (mode & 0o022) === 0
}

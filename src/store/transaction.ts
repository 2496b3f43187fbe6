/** Staging: what is being made lies below `tmp/`, and appears in its place by one rename once its bytes are on the disk. */

import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { explainDisk, isErrno, LangrunError } from '../base/error.ts'
import { removeTree, syncFolder } from '../base/files.ts'
import { names, type Store } from './store.ts'

/** A fresh private folder in the store, on the same file system as everything in it. */
export function stage(store: Store, purpose: string): string {
  try {
    return mkdtempSync(join(store.path, 'tmp', `${purpose}-`))
  } catch (error) {
    throw explainDisk(error, `cannot write into the store ${store.path}`)
  }
}

/** Move a staged folder to its place; if somebody else put the same there first, theirs stays. */
export function commit(staged: string, place: string): void {
  try {
    mkdirSync(dirname(place), { recursive: true })
    // What was private while it was made is for every user of its store to read.
    chmodSync(staged, 0o755)
    renameSync(staged, place)
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY') && !isErrno(error, 'EEXIST')) throw explainDisk(error, `cannot write ${place}`)
    rmSync(staged, { recursive: true, force: true })
  }
}

/**
 * Write everything in the store's file system to the disk: once for thousands of files, where fsync(2) for each would take minutes.
 *
 * @throws LangrunError `failed`, or `no-space` if the disk took less than it had promised
 */
export function syncStore(store: Store, launcher: string): void {
  const { status, stderr, error } = spawnSync(launcher, ['--syncfs', store.path], { encoding: 'utf8' })
  if (status === 0) return
  throw new LangrunError('failed', `cannot write the store ${store.path} to the disk`, { cause: error ?? stderr.trim() })
}

/** Remove what an interrupted langrun left. Only for who holds the lock. */
export function sweep(store: Store): void {
  for (const name of names(join(store.path, 'tmp'))) removeTree(join(store.path, 'tmp', name))
}

/** Make a folder disappear at once, and then its content. */
export function discard(store: Store, path: string): void {
  if (!existsSync(path)) return
  const aside = join(stage(store, 'discarded'), 'it')
  renameSync(path, aside)
  syncFolder(dirname(path))
  removeTree(dirname(aside))
}

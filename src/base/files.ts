/** Disk changes that are whole or not at all: write aside, sync, rename. */

import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isErrno } from './error.ts'

/** Put `data` at `path`, over what was there, by one atomic rename; durable when it returns. */
export function replaceFile(path: string, data: string | Uint8Array, mode = 0o644): void {
  const aside = asideOf(path)
  const fd = openSync(aside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode)
  try {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
    renameSync(aside, path)
  } catch (error) {
    rmSync(aside, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
  syncFolder(dirname(path))
}

/** Make `path` a symbolic link to `target`, over what was there, by one atomic rename. */
export function replaceLink(path: string, target: string): void {
  const aside = asideOf(path)
  symlinkSync(target, aside)
  try {
    renameSync(aside, path)
  } catch (error) {
    rmSync(aside, { force: true })
    throw error
  }
}

/** The file's text, or undefined if there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  }
}

/** Whether `path` is a folder itself, and no link to one. */
export function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** Where a symbolic link points, or undefined if `path` is none. */
export function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** Make a folder and its parents with exactly `mode`, whatever the umask (the umask can only ever narrow 0755 here). */
export function ensureFolder(path: string, mode = 0o755): void {
  mkdirSync(path, { recursive: true, mode })
}

/** Somebody may still write into what is being removed: the script of a langrun that was killed. */
const PERSISTENT = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 } as const

/** Remove a folder and all in it, also what its owner made read-only. */
export function removeTree(path: string): void {
  try {
    rmSync(path, PERSISTENT)
  } catch (error) {
    if (!isErrno(error, 'EACCES')) throw error
    openFolders(path)
    rmSync(path, PERSISTENT)
  }
}

function openFolders(path: string): void {
  chmodSync(path, 0o700)
  for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) openFolders(join(path, entry.name))
}

/** Make the names in a folder durable. */
export function syncFolder(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function asideOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`)
}

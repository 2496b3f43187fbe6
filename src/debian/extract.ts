/**
 * Writes a package's files below a fresh folder, and notes what it wrote.
 *
 * Synchronous calls, few per file (open, write, futimes, close): a package has many small files, and asynchronous calls cost
 * several times as much each. Never writes through a link: paths are plain names below a folder that nobody else knows, and
 * an entry below a link of the package's own is refused.
 */

import { createHash, type Hash, hash as hashWhole } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import type { Sha256 } from '../base/digest.ts'
import { LangrunError } from '../base/error.ts'
import { merge, parseEntryPath } from './entry-path.ts'
import { isLeftOut } from './left-out.ts'
import type { Sink, TarEntry } from './tar-reader.ts'

/** Files that share their bytes by a hard link are files like any other. */
export interface ManifestEntry {
  /** Without a leading slash. */
  readonly path: string
  readonly type: 'file' | 'dir' | 'link'
  /** Permission bits. */
  readonly mode: number
  /** In bytes; 0 of what is no file. */
  readonly size: number
  /** Seconds since 1970. */
  readonly mtime: number
  /** Of a file. */
  readonly sha256?: Sha256
  /** Of a link. */
  readonly target?: string
}

export interface Extractor {
  open(entry: TarEntry): Sink | undefined
  /** Whether all that was wanted is there. */
  isComplete(): boolean
  /** Sorted by path, a folder before what is in it. Sets the folders' times and modes, which writing into them would change. */
  finish(): ManifestEntry[]
}

/** Set-id bits are dropped: they would name the user that unpacked. The sticky bit says something only of folders. */
const [FILE_MODE, DIR_MODE] = [0o777, 0o1777]
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/**
 * @param root exists and is empty
 * @param umask the process's: a worker thread cannot set it
 * @param only paths of the only files that are wanted
 */
export function startExtractor(root: string, umask: number, only?: readonly string[]): Extractor {
  const entries = new Map<string, ManifestEntry>()

  function place(name: string, isLink: boolean): string {
    const path = merge(parseEntryPath(name), isLink)
    const there = entries.get(path)
    if (there !== undefined && !(there.type === 'dir' && !isLink)) throw refuse(name, 'it is there twice')
    return path
  }

  function ensureParent(path: string, mtime: number): void {
    const slash = path.lastIndexOf('/')
    if (slash < 0) return
    const parent = path.slice(0, slash)
    const there = entries.get(parent)
    if (there?.type === 'dir') return
    if (there !== undefined) throw refuse(path, `"${parent}" is no folder but a ${there.type} of the same package`)
    makeDir(parent, 0o755, mtime)
  }

  function makeDir(path: string, mode: number, mtime: number): void {
    if (path === '') return
    if (!entries.has(path)) {
      ensureParent(path, mtime)
      mkdirSync(`${root}/${path}`, 0o755)
    }
    entries.set(path, { path, type: 'dir', mode: mode & DIR_MODE, size: 0, mtime })
  }

  function openFile(entry: TarEntry, path: string): Sink {
    const { mtime, size } = entry
    const mode = entry.mode & FILE_MODE
    ensureParent(path, mtime)
    const fd = openSync(`${root}/${path}`, NEW_FILE, mode)
    let hash: Hash | undefined
    let sha256: string | undefined
    let written = 0
    return {
      write(data) {
        for (let at = 0; at < data.length; ) at += writeSync(fd, data, at)
        if (written === 0 && data.length === size) sha256 = hashWhole('sha256', data)
        else {
          hash ??= createHash('sha256')
          hash.update(data)
        }
        written += data.length
      },
      end() {
        if (mode & umask) fchmodSync(fd, mode)
        futimesSync(fd, mtime, mtime)
        closeSync(fd)
        sha256 ??= hash?.digest('hex') ?? hashWhole('sha256', '')
        entries.set(path, { path, type: 'file', mode, size, mtime, sha256: sha256 as Sha256 })
      },
    }
  }

  function makeLink({ path: name, target, mtime }: TarEntry, path: string): void {
    if (target === '' || target.includes('\ufffd')) throw refuse(name, 'it is a link to nothing that can be named')
    ensureParent(path, mtime)
    symlinkSync(target, `${root}/${path}`)
    lutimesSync(`${root}/${path}`, mtime, mtime)
    entries.set(path, { path, type: 'link', mode: 0o777, size: 0, mtime, target })
  }

  function makeHardLink({ path: name, target, mtime }: TarEntry, path: string): void {
    const from = merge(parseEntryPath(target), false)
    const source = entries.get(from)
    if (source?.type !== 'file')
      throw refuse(name, `it is a hard link to "${target.slice(0, 200)}", which is no file of the package before it`)
    ensureParent(path, mtime)
    linkSync(`${root}/${from}`, `${root}/${path}`)
    entries.set(path, { ...source, path })
  }

  return {
    open(entry) {
      const path = place(entry.path, entry.type === 'link')
      if (only === undefined ? isLeftOut(path) : !only.includes(path)) return undefined
      if (path === '' && entry.type !== 'dir') throw refuse(entry.path, 'the root of a package is a folder')
      if (entry.type !== 'dir' && entries.has(path)) throw refuse(entry.path, 'it is there twice')
      if (entry.type === 'file') return openFile(entry, path)
      if (entry.type === 'dir') makeDir(path, entry.mode, entry.mtime)
      else if (entry.type === 'link') makeLink(entry, path)
      else makeHardLink(entry, path)
      return undefined
    },
    isComplete: () => only?.every((path) => entries.has(path)) ?? false,
    finish() {
      const sorted = [...entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
      for (const entry of sorted.toReversed()) {
        if (entry.type !== 'dir') continue
        if (entry.mode !== (0o755 & ~umask)) chmodSync(`${root}/${entry.path}`, entry.mode)
        utimesSync(`${root}/${entry.path}`, entry.mtime, entry.mtime)
      }
      return sorted
    },
  }
}

function refuse(name: string, cause: string): LangrunError {
  return new LangrunError('untrusted', `cannot unpack the entry "${name.slice(0, 200)}"`, { cause })
}

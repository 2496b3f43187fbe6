/**
 * Unpacked packages → one root file system.
 *
 * Files are hard links to the packages in the store, so that images share what they have in common; /etc and /var are copied, because
 * maintainer scripts edit files there in place, and a link would let them write into the store.
 */

import { chmodSync, copyFileSync, linkSync, mkdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isErrno, LangrunError } from '../base/error.ts'

/** One entry of an unpacked package; paths are relative, without a leading slash or dot. */
export interface TreeEntry {
  readonly path: string
  readonly type: 'file' | 'dir' | 'link'
  /** Permission bits. */
  readonly mode: number
  readonly size: number
  /** Seconds since 1970. */
  readonly mtime: number
  readonly sha256?: string
  readonly target?: string
}

export interface Tree {
  readonly name: string
  /** The folder that holds the files. */
  readonly root: string
  readonly entries: readonly TreeEntry[]
}

/** What the root file system holds of the packages: path → the entry that was linked or copied there. */
export type Origins = Map<string, TreeEntry>

/**
 * @param rootfs a fresh, empty folder
 * @throws LangrunError `failed` if two packages want different things at one path, `damaged` if a package lacks a file.
 */
export function assemble(trees: readonly Tree[], rootfs: string): Origins {
  const origins: Origins = new Map()
  mkdirSync(rootfs, { recursive: true })
  const folders = new Set([''])
  for (const tree of trees) {
    for (const entry of tree.entries) {
      if (entry.type === 'dir') addFolder(entry.path, entry.mode)
      else addFile(tree, entry)
    }
  }
  return origins

  function addFolder(path: string, mode: number): void {
    if (folders.has(path)) return
    if (path.includes('/')) addFolder(dirname(path), 0o755)
    try {
      mkdirSync(join(rootfs, path), { mode: mode | 0o700 })
    } catch (error) {
      // A package may ship a folder where another has a link to one, as /usr/share/doc/foo -> bar.
      if (!isErrno(error, 'EEXIST')) throw error
    }
    folders.add(path)
  }

  function addFile(tree: Tree, entry: TreeEntry): void {
    const { path } = entry
    if (path.includes('/')) addFolder(dirname(path), 0o755)
    const target = join(rootfs, path)
    // Of two packages with one file the later wins, as dpkg lets it under Replaces.
    const before = origins.get(path)
    if (before !== undefined) rmSync(target)
    try {
      if (entry.type === 'link') symlinkSync(entry.target ?? '', target)
      else if (isConfiguration(path)) copy(join(tree.root, path), target, entry)
      else linkSync(join(tree.root, path), target)
    } catch (error) {
      if (isErrno(error, 'EEXIST') || isErrno(error, 'ENOTDIR') || isErrno(error, 'EISDIR')) {
        throw new LangrunError('failed', `cannot put /${path} of ${tree.name} into the image`, {
          cause: 'another package has something else there',
        })
      }
      if (!isErrno(error, 'ENOENT')) throw error
      throw new LangrunError('damaged', `cannot read the package ${tree.name} in the store`, { cause: error })
    }
    origins.set(path, entry)
  }
}

function isConfiguration(path: string): boolean {
  return path.startsWith('etc/') || path.startsWith('var/')
}

function copy(source: string, target: string, { mode, mtime }: TreeEntry): void {
  copyFileSync(source, target)
  chmodSync(target, mode)
  utimesSync(target, mtime, mtime)
}

/**
 * What a root file system holds, a line for each entry, sorted by path as bytes:
 *
 *     d 755 usr
 *     f 755 125688 3f0c… usr/bin/dash
 *     l usr/bin/sh dash
 *
 * (fields by a tab; a newline or backslash in a path is written \n or \\). The image's digest is the SHA-256 of these lines. Times
 * and owners are no part of it: every file is the store owner's, and equal content must have an equal digest.
 */

import { createHash } from 'node:crypto'
import { closeSync, type Dirent, lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { type Sha256, sha256 } from '../base/digest.ts'

export interface Manifest {
  readonly text: string
  readonly digest: Sha256
  /** Bytes in regular files, each counted once. */
  readonly size: number
  readonly files: number
}

/**
 * Walk a tree and describe it.
 *
 * @param known digests of files whose content is known already, by path within the tree; undefined for those that must be read
 */
export function describeTree(root: string, known: (path: string, info: Stats) => string | undefined): Manifest {
  const lines: { path: string; line: string }[] = []
  const counted = new Set<number>()
  let size = 0
  let files = 0
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isSymbolicLink()) {
        lines.push({ path, line: `l\t${quoted(path)}\t${quoted(readlinkSync(join(root, path)))}` })
        continue
      }
      const info = lstatSync(join(root, path))
      const mode = (info.mode & 0o7777).toString(8)
      if (entry.isDirectory()) {
        lines.push({ path, line: `d\t${mode}\t${quoted(path)}` })
        visit(path)
      } else if (entry.isFile()) {
        const digest = known(path, info) ?? digestFile(join(root, path))
        lines.push({ path, line: `f\t${mode}\t${info.size}\t${digest}\t${quoted(path)}` })
        files++
        if (info.nlink > 1 && counted.has(info.ino)) continue
        counted.add(info.ino)
        size += info.size
      } else {
        throw new Error(`${path} is ${kindOf(entry)}: an image holds files, folders and links only`)
      }
    }
  }
  visit('')
  lines.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
  const text = `${lines.map(({ line }) => line).join('\n')}\n`
  return { text, digest: sha256(text), size, files }
}

/**
 * Whether a tree still has everything that its manifest names, in kind and size: what was deleted or cut off is seen, in the time
 * that looking at each file takes; content is not read.
 */
export function isWhole(root: string, text: string): boolean {
  return text
    .trimEnd()
    .split('\n')
    .every((line) => {
      const [kind, ...fields] = line.split('\t')
      const path = unquoted((kind === 'l' ? fields[0] : fields.at(-1)) ?? '')
      const info = lstatSync(join(root, path), { throwIfNoEntry: false })
      if (kind === 'f') return info?.isFile() === true && info.size === Number(fields[1])
      return kind === 'd' ? info?.isDirectory() === true : info?.isSymbolicLink() === true
    })
}

function kindOf(entry: Dirent): string {
  if (entry.isSocket()) return 'a socket'
  if (entry.isFIFO()) return 'a named pipe'
  return 'a device'
}

function quoted(path: string): string {
  return path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}

function unquoted(path: string): string {
  return path.replaceAll(/\\([\\nt])/g, (_, letter: string) => ({ n: '\n', t: '\t' })[letter] ?? '\\')
}

const CHUNK = 1 << 20

export function digestFile(path: string): Sha256 {
  const digest = createHash('sha256')
  const chunk = Buffer.allocUnsafe(CHUNK)
  const fd = openSync(path, 'r')
  try {
    for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk)) digest.update(chunk.subarray(0, count))
  } finally {
    closeSync(fd)
  }
  return digest.digest('hex') as Sha256
}

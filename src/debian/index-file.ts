/**
 * An archive's package index, reduced to what langrun needs and laid out so that a lookup reads a few hundred bytes.
 *
 * One file, `indexes/<sha256 of the index as it was signed>.1`; numbers are 32 bits in the machine's own order:
 *
 *     "langrun index 1\n", stanzas N, package slots P (a power of two), provided slots Q, text bytes T
 *     N × (start, length)                 the stanzas within the text
 *     P × (hash, stanza + 1)              a hash table of package names, linear probing; 0: an empty slot
 *     Q × (hash, stanza + 1)              the same of the names in `Provides`
 *     T bytes                             deb822, the fields in KEPT alone
 *
 * A hash can be that of another name: who looks up compares the names in the stanza.
 */

import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { isErrno } from '../base/error.ts'

const MAGIC = 'langrun index 1\n'
const HEADER_BYTES = 32

export interface IndexFile {
  readonly stanzas: Uint32Array
  readonly packages: Uint32Array
  readonly provided: Uint32Array
  text(start: number, length: number): string
  close(): void
}

export interface IndexData {
  readonly stanzas: Uint32Array
  readonly packages: Uint32Array
  readonly provided: Uint32Array
  readonly text: Buffer
}

/** FNV-1a of the name's bytes. */
export function hashName(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let hash = 0x811c9dc5
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  return hash >>> 0
}

/** The numbers of the stanzas filed under that hash. */
export function lookup(table: Uint32Array, hash: number): number[] {
  const mask = table.length / 2 - 1
  const found: number[] = []
  if (mask < 0) return found
  for (let slot = hash & mask; table[2 * slot + 1] !== 0; slot = (slot + 1) & mask) {
    if (table[2 * slot] === hash) found.push(table[2 * slot + 1]! - 1)
  }
  return found
}

/** @param pairs hash, stanza, hash, stanza … */
export function makeTable(pairs: readonly number[]): Uint32Array {
  // At most two thirds full, so that there always is an empty slot to stop at.
  let slots = 4
  while (slots * 2 < (pairs.length / 2) * 3) slots *= 2
  const table = new Uint32Array(slots * 2)
  for (let i = 0; i < pairs.length; i += 2) {
    let slot = pairs[i]! & (slots - 1)
    while (table[2 * slot + 1] !== 0) slot = (slot + 1) & (slots - 1)
    table[2 * slot] = pairs[i]!
    table[2 * slot + 1] = pairs[i + 1]! + 1
  }
  return table
}

export function inMemory(data: IndexData): IndexFile {
  return { ...data, text: (start, length) => data.text.toString('utf8', start, start + length), close() {} }
}

/** @returns undefined if there is none, or it is not whole: it is then made anew */
export function openIndexFile(path: string): IndexFile | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
  const header = Buffer.alloc(HEADER_BYTES)
  readSync(fd, header, 0, HEADER_BYTES, 0)
  const [stanzas = 0, packages = 0, provided = 0, textBytes = 0] = new Uint32Array(header.buffer, header.byteOffset + MAGIC.length, 4)
  const tableBytes = 8 * (stanzas + packages + provided)
  const textStart = HEADER_BYTES + tableBytes
  if (header.toString('latin1', 0, MAGIC.length) !== MAGIC || fstatSync(fd).size !== textStart + textBytes) {
    closeSync(fd)
    return undefined
  }
  const tables = new Uint32Array(tableBytes / 4)
  readSync(fd, tables, 0, tableBytes, HEADER_BYTES)
  return {
    stanzas: tables.subarray(0, 2 * stanzas),
    packages: tables.subarray(2 * stanzas, 2 * (stanzas + packages)),
    provided: tables.subarray(2 * (stanzas + packages)),
    text(start, length) {
      const bytes = Buffer.allocUnsafe(length)
      readSync(fd, bytes, 0, length, textStart + start)
      return bytes.toString()
    },
    close: () => closeSync(fd),
  }
}

/** Durable before it gets its name: a power cut must not leave a file of the right length and of zeros. */
export async function writeIndexFile(path: string, data: IndexData): Promise<void> {
  const { stanzas, packages, provided, text } = data
  const header = Buffer.alloc(HEADER_BYTES)
  header.write(MAGIC, 'latin1')
  new Uint32Array(header.buffer, header.byteOffset + MAGIC.length, 4).set([
    stanzas.length / 2,
    packages.length / 2,
    provided.length / 2,
    text.length,
  ])
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(aside, 'wx', 0o644)
  try {
    const tables = [stanzas, packages, provided].map((table) => Buffer.from(table.buffer, table.byteOffset, table.byteLength))
    await file.writev([header, ...tables, text])
    await file.sync()
    await file.close()
    await rename(aside, path)
  } catch (error) {
    await file.close().catch(() => {})
    await rm(aside, { force: true })
    throw error
  }
}

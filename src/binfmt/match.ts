/** Which entries match a file, as the kernel's search_binfmt_handler does (fs/binfmt_misc.c). */

import { hasMagic } from '../catalogue/magic.ts'
import type { Entry } from './registry.ts'

/** BINPRM_BUF_SIZE: as much of a file the kernel looks at. A shorter file is followed by zeros. */
export const HEAD_SIZE = 256

export interface Candidate {
  /** As it is started. */
  readonly path: string
  /** HEAD_SIZE bytes. */
  readonly head: Uint8Array
}

/** Those that would take the file, in the order in which the kernel asks: the first one does. */
export function matchingEntries(entries: readonly Entry[], candidate: Candidate): Entry[] {
  return entries.filter((entry) => entry.enabled && isMatch(entry, candidate))
}

/** Entries that would take some of the files that this one takes. */
export function rivalsOf(entry: Entry, entries: readonly Entry[]): Entry[] {
  return entries.filter((other) => other.name !== entry.name && other.enabled && overlaps(entry, other))
}

function isMatch({ extension, offset = 0, magic = '', mask }: Entry, { path, head }: Candidate): boolean {
  if (extension !== undefined) return path.slice(path.lastIndexOf('.') + 1) === extension && path.includes('.')
  return hasMagic(head, { offset, magic: Buffer.from(magic, 'hex'), mask: mask === undefined ? undefined : Buffer.from(mask, 'hex') })
}

/** Extensions and magic always can overlap, and are not told: a file may have any ending. */
function overlaps(one: Entry, other: Entry): boolean {
  if (one.extension !== undefined || other.extension !== undefined) return one.extension === other.extension
  const [a, b] = [bitsOf(one), bitsOf(other)]
  return a.bits.every((bits, index) => ((a.bytes[index]! ^ b.bytes[index]!) & bits & b.bits[index]!) === 0)
}

/** What an entry asks of the whole head. */
function bitsOf({ offset = 0, magic = '', mask }: Entry): { bytes: Uint8Array; bits: Uint8Array } {
  const [bytes, bits] = [Buffer.alloc(HEAD_SIZE), Buffer.alloc(HEAD_SIZE)]
  const value = Buffer.from(magic, 'hex')
  bytes.set(value, offset)
  bits.set(mask === undefined ? value.map(() => 0xff) : Buffer.from(mask, 'hex'), offset)
  return { bytes, bits }
}

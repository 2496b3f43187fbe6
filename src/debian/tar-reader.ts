/**
 * Reads a tar stream synchronously, piece by piece, and hands out each entry and its bytes as they come.
 *
 * The headers are parsed by the `tar` package; its own stream of entries takes three times as long for a package's many
 * small files. Understands ustar, GNU long names and pax.
 */

import { Header, type HeaderData, Pax } from 'tar'
import { LangrunError } from '../base/error.ts'

const BLOCK = 512
/** A long name or a pax header; 4096 bytes of path, twice, and some attributes. */
const MAX_META_BYTES = 64 * 1024
/** Debian's largest package has 80,000. */
const MAX_ENTRIES = 500_000
/** Debian's largest package unpacks to 3 GB. */
const MAX_TOTAL_BYTES = 16 * 1024 ** 3

export type EntryType = 'file' | 'dir' | 'link' | 'hardlink'

export interface TarEntry {
  readonly path: string
  readonly type: EntryType
  readonly mode: number
  readonly size: number
  /** Seconds since 1970. */
  readonly mtime: number
  /** What a link names. */
  readonly target: string
}

/** What is done with an entry's bytes; `data` is valid only during the call. */
export interface Sink {
  write(data: Buffer): void
  end(): void
}

const TYPES: Readonly<Record<string, EntryType>> = {
  File: 'file',
  OldFile: 'file',
  ContiguousFile: 'file',
  Directory: 'dir',
  SymbolicLink: 'link',
  Link: 'hardlink',
}

/**
 * @param open is called for each entry; what it returns gets a file's bytes, or none does
 * @param isComplete answers whether the rest need not be read
 * @throws LangrunError `untrusted` for what a package may not contain, `damaged` if it ends early
 */
export async function readTar(
  pieces: AsyncIterable<Buffer>,
  open: (entry: TarEntry) => Sink | undefined,
  isComplete = (): boolean => false,
): Promise<void> {
  const reader = startReader(open)
  for await (const piece of pieces) {
    reader.push(piece)
    if (isComplete()) return
  }
  reader.finish()
}

export function startReader(open: (entry: TarEntry) => Sink | undefined) {
  const header = Buffer.alloc(BLOCK)
  let filled = 0 // bytes of a header that lies in two pieces
  let left = 0 // bytes of the body that are still to come
  let padding = 0
  let sink: Sink | undefined
  let meta: Meta | undefined
  let next = NOTHING
  let ended = false
  let [entries, total, streamed] = [0, 0, 0]

  function block(bytes: Buffer, at: number): void {
    const parsed = new Header(bytes, at, next)
    if (parsed.nullBlock) {
      ended = true
      return
    }
    if (!parsed.cksumValid) throw refuse('damaged', 'a header has a wrong checksum')
    left = parsed.size ?? 0
    padding = -left & (BLOCK - 1)
    if (++entries > MAX_ENTRIES) throw refuse('untrusted', `it has more than ${MAX_ENTRIES} entries`)
    total += left
    if (!Number.isSafeInteger(total) || total > MAX_TOTAL_BYTES)
      throw refuse('untrusted', `it unpacks to more than ${MAX_TOTAL_BYTES} bytes`)
    meta = metaOf(parsed.type, left)
    if (meta === undefined) {
      const entry = entryOf(parsed, next)
      if (entry.type !== 'file') left = padding = 0
      next = NOTHING
      sink = open(entry)
    }
    if (left === 0) endBody()
  }

  function endBody(): void {
    if (meta !== undefined) next = { ...next, ...meta.finish() }
    meta = undefined
    sink?.end()
    sink = undefined
  }

  return {
    push(piece: Buffer): void {
      // Counted apart from the sizes in headers: what follows the end of the archive is decompressed as well.
      streamed += piece.length
      if (streamed > 2 * MAX_TOTAL_BYTES) throw refuse('untrusted', 'its data goes on after its end')
      for (let at = 0; at < piece.length && !ended; ) {
        if (left > 0) {
          const length = Math.min(left, piece.length - at)
          ;(meta ?? sink)?.write(piece.subarray(at, at + length))
          at += length
          left -= length
          if (left === 0) endBody()
        } else if (padding > 0) {
          const length = Math.min(padding, piece.length - at)
          at += length
          padding -= length
        } else if (filled === 0 && piece.length - at >= BLOCK) {
          block(piece, at)
          at += BLOCK
        } else {
          const length = piece.copy(header, filled, at, at + BLOCK - filled)
          at += length
          filled += length
          if (filled === BLOCK) {
            filled = 0
            block(header, 0)
          }
        }
      }
    },
    finish(): void {
      if (!ended || left > 0) throw refuse('damaged', 'it ends too early')
    },
  }
}

/**
 * What headers before an entry's own say about it. The parser must know: it takes a file for a folder if its name, cut off after
 * 100 bytes, happens to end with a slash.
 */
type Next = HeaderData

const NOTHING: Next = {}

interface Meta {
  write(data: Buffer): void
  finish(): Next
}

function metaOf(type: string, size: number): Meta | undefined {
  const read = META[type]
  if (read === undefined) return undefined
  if (size > MAX_META_BYTES) throw refuse('untrusted', `a name or an extended header has more than ${MAX_META_BYTES} bytes`)
  const pieces: Buffer[] = []
  return {
    write: (data) => pieces.push(Buffer.from(data)),
    finish: () => read(Buffer.concat(pieces).toString()),
  }
}

const META: Readonly<Record<string, (text: string) => Next>> = {
  ExtendedHeader: (text) => defined(Pax.parse(text)),
  OldExtendedHeader: (text) => defined(Pax.parse(text)),
  // Global headers carry the comments of `git archive`; nothing in them concerns an entry of a package.
  GlobalExtendedHeader: () => ({}),
  NextFileHasLongPath: (text) => ({ path: text.replace(/\0.*/s, '') }),
  NextFileHasLongLinkpath: (text) => ({ linkpath: text.replace(/\0.*/s, '') }),
}

function defined(pax: Pax): Next {
  return Object.fromEntries(Object.entries(pax).filter(([, value]) => value !== undefined))
}

function entryOf(header: Header, next: Next): TarEntry {
  const type = TYPES[header.type]
  const path = header.path ?? ''
  if (type === undefined) {
    throw new LangrunError('untrusted', `cannot unpack the entry "${path.slice(0, 200)}"`, {
      cause: `a package may not contain a ${header.type}`,
    })
  }
  return {
    path,
    type,
    mode: header.mode ?? 0,
    size: type === 'file' ? (header.size ?? 0) : 0,
    mtime: Math.trunc((header.mtime?.getTime() ?? 0) / 1000),
    target: type === 'file' || type === 'dir' ? '' : (next.linkpath ?? header.linkpath ?? ''),
  }
}

function refuse(code: 'damaged' | 'untrusted', cause: string): LangrunError {
  return new LangrunError(code, 'cannot read its tar archive', { cause })
}

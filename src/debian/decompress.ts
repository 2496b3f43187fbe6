/** Streams of gzip, xz, zstd and of plain bytes, told apart by a file's ending; read as they are needed, so that memory stays flat. */

import { pipeline, Readable, type Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { LangrunError } from '../base/error.ts'

/** Large enough that a piece costs little beside its bytes. */
const PIECE_BYTES = 256 * 1024

/** @throws LangrunError `unsupported` for another ending; while reading, `damaged` if the stream is broken or ends early */
export function decompress(name: string, bytes: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncIterable<Buffer> {
  const ending = /\.(gz|xz|zst|tar|[a-z0-9]+)$/.exec(name)?.[1]
  if (ending === 'gz') return through(name, createGunzip({ chunkSize: PIECE_BYTES }), bytes)
  if (ending === 'zst') return through(name, createZstdDecompress({ chunkSize: PIECE_BYTES }), bytes)
  if (ending === 'xz') return unxz(name, bytes)
  if (ending === 'tar' || ending === undefined) return plain(bytes)
  throw new LangrunError('unsupported', `cannot decompress ${name}`, { cause: `unknown ending ".${ending}"` })
}

async function* through(name: string, transform: Transform, bytes: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncIterable<Buffer> {
  // The error reaches the loop below, which is where it is thrown from.
  pipeline(Readable.from(bytes), transform, () => {})
  try {
    yield* transform as AsyncIterable<Buffer>
  } catch (error) {
    throw broken(name, error)
  }
}

async function* unxz(name: string, bytes: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncIterable<Buffer> {
  const { default: xz } = await import('xz-decompress')
  const input = Symbol.asyncIterator in bytes ? bytes[Symbol.asyncIterator]() : bytes[Symbol.iterator]()
  let ended = false
  const source = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await input.next()
        if (!done) return controller.enqueue(value)
        ended = true
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  const reader = new xz.XzReadableStream(source).getReader()
  let finished = false
  try {
    // The decoder does not notice that its input has ended: it would yield empty pieces for ever.
    for (let empty = 0; empty < MAX_EMPTY_PIECES; ) {
      const { done, value } = await reader.read()
      if (done) {
        finished = true
        return
      }
      empty = ended && value.length === 0 ? empty + 1 : 0
      if (value.length > 0) yield Buffer.from(value.buffer, value.byteOffset, value.length)
    }
  } catch (error) {
    finished = true
    throw broken(name, error)
  } finally {
    // The decoder serves one stream at a time and must be told that this one is over.
    if (!finished) await reader.cancel().catch(() => {})
    await input.return?.()
  }
  throw broken(name, 'it ends too early')
}

/** It takes one to drain the decoder's own buffers. */
const MAX_EMPTY_PIECES = 3

async function* plain(bytes: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncIterable<Buffer> {
  yield* bytes
}

function broken(name: string, cause: unknown): LangrunError {
  return cause instanceof LangrunError ? cause : new LangrunError('damaged', `cannot decompress ${name}`, { cause })
}

/**
 * A file on its way: `<hex>.<pid>.part`, so that two processes never write into one.
 *
 * A part whose process is gone is taken over by renaming it, which only one can do, and continued from its end.
 */

import { createHash, type Hash } from 'node:crypto'
import { closeSync, fstatSync, ftruncateSync, openSync, readdirSync, readSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { isErrno } from '../base/error.ts'
import { type Http, statusOf } from '../base/http.ts'
import { checkExpected, type Expected } from './expected.ts'

export interface PartOptions {
  readonly http: Http
  readonly signal: AbortSignal | undefined
  onSize(bytes: number): void
}

/** @throws LangrunError `untrusted` if what came is not what was expected; nothing of it is kept then */
export async function fetchPart(part: string, url: string, wanted: Expected, options: PartOptions): Promise<void> {
  const { http, signal, onSize } = options
  const fd = openSync(part, 'a+', 0o644)
  try {
    const had = fstatSync(fd).size
    let { hash, size } = had <= wanted.size ? hashOf(fd, had) : { hash: createHash('sha256'), size: 0 }
    if (size < wanted.size || wanted.size === 0) {
      const answer = await fetchFrom(http, url, size, signal)
      if (answer.status === 200) {
        hash = createHash('sha256')
        size = 0
      }
      ftruncateSync(fd, size)
      for await (const piece of answer.body) {
        size += piece.length
        if (size > wanted.size) break
        for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at)
        hash.update(piece)
        onSize(size)
      }
    }
    try {
      checkExpected(url, wanted, size, hash.digest('hex'))
    } catch (error) {
      ftruncateSync(fd, 0)
      // A part that another attempt left may be to blame: once more, from the start.
      if (had > 0) return await fetchPart(part, url, wanted, options)
      throw error
    }
  } finally {
    closeSync(fd)
  }
}

async function fetchFrom(http: Http, url: string, from: number, signal: AbortSignal | undefined) {
  const request = signal ? { signal } : {}
  if (from === 0) return http.get(url, request)
  try {
    const answer = await http.get(url, { ...request, from })
    if (answer.status === 200 || String(answer.headers['content-range']).startsWith(`bytes ${from}-`)) return answer
  } catch (error) {
    if (statusOf(error) !== 416) throw error
  }
  return http.get(url, request)
}

function hashOf(fd: number, bytes: number): { hash: Hash; size: number } {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(Math.min(bytes, 1024 * 1024))
  let size = 0
  while (size < bytes) {
    const read = readSync(fd, piece, 0, Math.min(piece.length, bytes - size), size)
    if (read === 0) break
    hash.update(piece.subarray(0, read))
    size += read
  }
  return { hash, size }
}

/** Make the part of a process that is gone our own, if there is one. @returns the name of ours */
export function takeOver(folder: string, sha256: string): string {
  const ours = join(folder, `${sha256}.${process.pid}.part`)
  for (const name of readdirSync(folder)) {
    const [, hex, pid] = /^([0-9a-f]{64})\.(\d+)\.part$/.exec(name) ?? []
    if (hex !== sha256 || isAlive(Number(pid))) continue
    try {
      renameSync(join(folder, name), ours)
      break
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error // ENOENT: another process was faster
    }
  }
  return ours
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !isErrno(error, 'ESRCH')
  }
}

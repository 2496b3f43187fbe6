/**
 * The outer format of a .deb: an ar archive of `debian-binary`, `control.tar…`, `data.tar…`.
 *
 *     "!<arch>\n", then for each member: name 16, mtime 12, uid 6, gid 6, mode 8, size 10, "`\n"; the bytes, padded to an even number
 *
 * @see https://manpages.debian.org/deb.5
 */

import { fstatSync, readSync } from 'node:fs'
import { LangrunError } from '../base/error.ts'

const MAGIC = '!<arch>\n'
const HEADER_BYTES = 60
/** A .deb has three, and at most a few more that start with "_". */
const MAX_MEMBERS = 16
/** What is read at a time. */
const PIECE_BYTES = 256 * 1024

export interface Member {
  readonly name: string
  readonly start: number
  readonly size: number
}

/** @throws LangrunError `damaged` */
export function readMembers(fd: number): Member[] {
  const total = fstatSync(fd).size
  const refuse = (cause: string) => new LangrunError('damaged', 'cannot read its ar archive', { cause })
  if (readAt(fd, 0, MAGIC.length).toString('latin1') !== MAGIC) throw refuse('it is not an ar archive')
  const members: Member[] = []
  for (let at = MAGIC.length; at < total; ) {
    const header = readAt(fd, at, HEADER_BYTES)
    if (header.length < HEADER_BYTES || header.toString('latin1', 58) !== '`\n') throw refuse('a member has no header')
    const digits = header.toString('latin1', 48, 58).trimEnd()
    const size = Number(digits)
    const start = at + HEADER_BYTES
    if (!/^\d+$/.test(digits) || start + size > total) throw refuse('a member is longer than the file')
    members.push({ name: header.toString('latin1', 0, 16).trimEnd().replace(/\/$/, ''), start, size })
    if (members.length > MAX_MEMBERS) throw refuse(`it has more than ${MAX_MEMBERS} members`)
    at = start + size + (size % 2)
  }
  return members
}

export function* readMember(fd: number, { start, size }: Member): Iterable<Buffer> {
  for (let at = 0; at < size; ) {
    const piece = readAt(fd, start + at, Math.min(PIECE_BYTES, size - at))
    if (piece.length === 0) throw new LangrunError('damaged', 'cannot read its ar archive', { cause: 'it ends too early' })
    at += piece.length
    yield piece
  }
}

function readAt(fd: number, position: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(length)
  return buffer.subarray(0, readSync(fd, buffer, 0, length, position))
}

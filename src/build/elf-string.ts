/**
 * Changes a string that an ELF program has built in: the compiled default of a setting for which there is no file.
 *
 * A program that is linked for any address has, for each pointer variable, a relocation (or the variable itself) that holds the string's
 * address. The new string goes into a segment of its own at the end of the file, described by the program header of a note, which
 * nothing needs; then the pointers are made to name it. No instruction changes.
 *
 * https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html
 */

import { LangrunError } from '../base/error.ts'

const PT_LOAD = 1
const PT_NOTE = 4
const READ_WRITE = 6
/** Where a 64-bit file has what; and the fields of a program header. */
const HEADER = { programHeaders: 32, count: 56 } as const
const HEADER_SIZE = 56
/** A relocation's addend, and, as linkers write it as well, the variable itself. */
const MOST_POINTERS = 2

interface Segment {
  /** Of its program header, in the file. */
  readonly at: number
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly fileSize: number
  readonly memorySize: number
  readonly align: number
}

/** @param program a little-endian 64-bit ELF file. @throws LangrunError `unsupported` if it has not exactly one such string with a pointer to it */
export function replaceString(program: Buffer, from: string, to: string): Buffer {
  const segments = readSegments(program)
  const loaded = segments.filter(({ type }) => type === PT_LOAD)
  const place = program.indexOf(Buffer.from(`\0${from}\0`)) + 1
  const holder = loaded.find(({ offset, fileSize }) => place >= offset && place < offset + fileSize)
  const note = segments.findLast(({ type }) => type === PT_NOTE)
  const last = loaded.at(-1)
  if (place === 0 || holder === undefined || note === undefined || last === undefined) throw refuse(from, 'it has no such string')
  const pointers = pointersTo(program, holder.address + place - holder.offset)
  if (pointers.length === 0 || pointers.length > MOST_POINTERS) throw refuse(from, `${pointers.length} pointers lead to it`)

  const { align } = last
  const string = Buffer.from(`${to}\0`)
  const offset = roundUp(program.length, align)
  const address = roundUp(last.address + last.memorySize, align)
  const changed = Buffer.concat([program, Buffer.alloc(offset - program.length), string])
  for (const at of pointers) changed.writeBigUInt64LE(BigInt(address), at)
  writeSegment(changed, { ...note, offset, address, fileSize: string.length, memorySize: string.length, align })
  return changed
}

function readSegments(program: Buffer): Segment[] {
  const isElf64 = program.subarray(0, 6).equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]))
  if (!isElf64) throw refuse('', 'it is no little-endian 64-bit ELF file')
  const start = Number(program.readBigUInt64LE(HEADER.programHeaders))
  return Array.from({ length: program.readUInt16LE(HEADER.count) }, (_, index) => {
    const at = start + index * HEADER_SIZE
    const word = (field: number): number => Number(program.readBigUInt64LE(at + field))
    return {
      at,
      type: program.readUInt32LE(at),
      offset: word(8),
      address: word(16),
      fileSize: word(32),
      memorySize: word(40),
      align: word(48),
    }
  })
}

function writeSegment(program: Buffer, { at, offset, address, fileSize, memorySize, align }: Segment): void {
  program.writeUInt32LE(PT_LOAD, at)
  program.writeUInt32LE(READ_WRITE, at + 4)
  for (const [field, value] of [offset, address, address, fileSize, memorySize, align].entries())
    program.writeBigUInt64LE(BigInt(value), at + 8 + 8 * field)
}

function pointersTo(program: Buffer, address: number): number[] {
  const wanted = Buffer.alloc(8)
  wanted.writeBigUInt64LE(BigInt(address))
  const found: number[] = []
  for (let at = program.indexOf(wanted); at >= 0; at = program.indexOf(wanted, at + 1)) if (at % 8 === 0) found.push(at)
  return found
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to
}

function refuse(from: string, cause: string): LangrunError {
  return new LangrunError('unsupported', `cannot change the built-in string "${from}" of a program`, { cause })
}

/** What the kernel would take, and a person should know. */

import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { LangrunError } from '../base/error.ts'
import { hasMagic } from '../catalogue/magic.ts'
import type { Definition } from './definition.ts'
import { HEAD_SIZE } from './match.ts'

/**
 * Every program of the machine would start the interpreter, and that again itself: nothing would run any more, not even what could take
 * the entry back.
 *
 * @throws LangrunError `unsupported`
 */
export function refuseHarm({ name, match }: Definition): void {
  if (match.kind === 'extension') return
  const victim = hasMagic(readHead('/proc/self/exe'), match)
    ? 'every program of this machine'
    : hasMagic(padded('#!/bin/sh\n'), match)
      ? 'every script with #!/bin/sh as its first line'
      : undefined
  if (victim === undefined) return
  throw new LangrunError('unsupported', `cannot register ${name}`, {
    cause: `its magic and mask match ${victim}, which would stop working`,
    hint: 'compare more bytes (for ELF files the machine at offset 18); --force registers it all the same',
  })
}

/** @throws LangrunError `not-found` where the entry could not work, now (F) or later */
export function checkInterpreter({ name, interpreter, flags }: Definition): string[] {
  const problem = problemOfInterpreter(interpreter)
  if (problem === undefined) return []
  if (!flags.includes('F')) return [`${interpreter} ${problem}: files that match cannot start until it is there`]
  throw new LangrunError('not-found', `cannot register ${name}`, {
    cause: `${interpreter} ${problem}, and with the flag F the kernel opens it now`,
    hint: 'install it first, or leave F out',
  })
}

export function warnOfCredentials({ interpreter, flags }: Definition): string[] {
  if (!flags.includes('C')) return []
  return [
    `flag C: a set-uid file that matches makes ${interpreter} run with the rights of that file's owner, root's too, ` +
      'and few interpreters can be trusted with that: leave C out unless this one is made for it',
  ]
}

/** The first bytes of a file, followed by zeros, as the kernel has them. */
export function readHead(path: string): Buffer {
  const head = Buffer.alloc(HEAD_SIZE)
  const fd = openSync(path, 'r')
  try {
    readSync(fd, head, 0, HEAD_SIZE, 0)
  } finally {
    closeSync(fd)
  }
  return head
}

function padded(text: string): Buffer {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(HEAD_SIZE)]).subarray(0, HEAD_SIZE)
}

function problemOfInterpreter(path: string): string | undefined {
  const info = statSync(path, { throwIfNoEntry: false })
  if (info === undefined) return 'does not exist'
  if (!info.isFile()) return 'is not a file'
  try {
    accessSync(path, constants.X_OK)
  } catch {
    return 'is not executable'
  }
  return undefined
}

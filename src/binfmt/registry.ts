/**
 * The kernel's registry of binary formats, as its files show it:
 *
 *     enabled                        …/binfmt_misc/<name>; 1, 0 and -1 written into it enable, disable and remove
 *     interpreter /usr/bin/clisp
 *     flags: POF
 *     extension .lisp                or: offset 0, magic 7f454c46, mask ffffffff
 *
 *     enabled                        …/binfmt_misc/status, the same for all of them
 *
 * The kernel asks its entries in the reverse order of their registration, and the folder lists them in that order: both lists grow at
 * their head (fs/binfmt_misc.c; d_children in fs/libfs.c). https://docs.kernel.org/admin-guide/binfmt-misc.html
 */

import { existsSync, opendirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isErrno, LangrunError } from '../base/error.ts'
import { type Magic, RUNNER_FLAGS } from '../catalogue/magic.ts'
import { BINFMT_FOLDER } from '../host/kernel.ts'
import { type Definition, encodeDefinition, type Match } from './definition.ts'

export interface Entry {
  readonly name: string
  readonly enabled: boolean
  readonly interpreter: string
  readonly flags: string
  /** Without the dot; undefined for an entry by magic. */
  readonly extension: string | undefined
  readonly offset: number | undefined
  /** Hexadecimal. */
  readonly magic: string | undefined
  readonly mask: string | undefined
}

/** All entries in the order in which the kernel asks them, the last registered first. @throws LangrunError `unsupported` if it is not mounted */
export function listEntries(folder = BINFMT_FOLDER): Entry[] {
  requireMounted(folder)
  return entryNames(folder).flatMap((name) => readEntry(name, folder) ?? [])
}

export function entryNames(folder = BINFMT_FOLDER): string[] {
  // Not readdir(): that one sorts.
  const names: string[] = []
  const open = opendirSync(folder)
  for (let next = open.readSync(); next !== null; next = open.readSync()) names.push(next.name)
  open.closeSync()
  return names.filter((name) => name !== 'register' && name !== 'status')
}

export function readEntry(name: string, folder = BINFMT_FOLDER): Entry | undefined {
  const text = readEntryText(name, folder)
  return text === undefined ? undefined : parseEntry(name, text)
}

/** What the kernel shows of an entry; undefined if there is none of this name. */
export function readEntryText(name: string, folder = BINFMT_FOLDER): string | undefined {
  if (name === 'register' || name === 'status' || name.includes('/')) return undefined
  try {
    return readFileSync(join(folder, name), 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

export function parseEntry(name: string, text: string): Entry {
  const [state, ...lines] = text.split('\n')
  const fields = new Map(lines.map((line) => [line.split(/:? /, 1)[0]!, line.replace(/^\S+ /, '')]))
  const offset = fields.get('offset')
  return {
    name,
    enabled: state === 'enabled',
    interpreter: fields.get('interpreter') ?? '',
    flags: fields.get('flags') ?? '',
    extension: fields.get('extension')?.replace(/^\./, ''),
    offset: offset === undefined ? undefined : Number(offset),
    magic: fields.get('magic'),
    mask: fields.get('mask'),
  }
}

/** The definition that would make this entry again. */
export function definitionOf({ name, interpreter, flags, extension, offset = 0, magic = '', mask }: Entry): Definition {
  const bits = mask === undefined ? undefined : Buffer.from(mask, 'hex')
  const match: Match =
    extension === undefined ? { kind: 'magic', offset, magic: Buffer.from(magic, 'hex'), mask: bits } : { kind: 'extension', extension }
  return { name, match, interpreter, flags }
}

/** The line that registers an extension. @throws LangrunError `unsupported` if the kernel would refuse it, with its reason. */
export function extensionLine(name: string, extension: string, interpreter: string, flags = RUNNER_FLAGS): string {
  return encodeDefinition({ name, match: { kind: 'extension', extension }, interpreter, flags })
}

/** The line that registers a magic number. @throws LangrunError `unsupported` if the kernel would refuse it, with its reason. */
export function magicLine(name: string, magic: Magic, interpreter: string, flags = RUNNER_FLAGS): string {
  return encodeDefinition({ name, match: { kind: 'magic', ...magic }, interpreter, flags })
}

/** Add an entry, in place of one with the same name. The last one registered wins where several match. */
export function register(name: string, line: string, folder = BINFMT_FOLDER): void {
  requireMounted(folder)
  remove(name, folder)
  write(join(folder, 'register'), line, `register ${name} with the kernel`)
}

/** Remove an entry; nothing happens if there is none. */
export function remove(name: string, folder = BINFMT_FOLDER): void {
  setState(name, '-1', folder)
}

/** Let an entry take files again, or leave it there without effect. Nothing happens if there is none. */
export function setEnabled(name: string, state: 'enabled' | 'disabled', folder = BINFMT_FOLDER): void {
  setState(name, state === 'enabled' ? '1' : '0', folder)
}

/** The same for all entries at once. */
export function setMechanism(state: 'enabled' | 'disabled', folder = BINFMT_FOLDER): void {
  requireMounted(folder)
  const verb = state === 'enabled' ? 'on' : 'off'
  write(join(folder, 'status'), state === 'enabled' ? '1' : '0', `switch binfmt_misc ${verb}`)
}

export function readMechanism(folder = BINFMT_FOLDER): 'enabled' | 'disabled' {
  requireMounted(folder)
  return readFileSync(join(folder, 'status'), 'utf8').trim() === 'enabled' ? 'enabled' : 'disabled'
}

export function isMounted(folder = BINFMT_FOLDER): boolean {
  return existsSync(join(folder, 'register'))
}

function setState(name: string, state: '1' | '0' | '-1', folder: string): void {
  // Opening a name that is not there asks the kernel to create it, which it refuses with EACCES.
  if (!existsSync(join(folder, name))) return
  const verb = { '1': 'enable', '0': 'disable', '-1': 'remove' }[state]
  write(join(folder, name), state, `${verb} ${name} in the kernel's registry`, 'ENOENT')
}

function write(path: string, text: string, what: string, ignored?: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    if (ignored !== undefined && isErrno(error, ignored)) return
    if (isErrno(error, 'EACCES') || isErrno(error, 'EPERM') || isErrno(error, 'EROFS')) {
      throw new LangrunError('permission', `cannot ${what}`, {
        cause: error,
        hint: 'try again as root, with sudo (in a container: --privileged)',
      })
    }
    throw new LangrunError('failed', `cannot ${what}`, { cause: error, hint: 'see what this host lacks: langrun doctor' })
  }
}

function requireMounted(folder: string): void {
  if (isMounted(folder)) return
  throw new LangrunError('unsupported', "cannot read the kernel's registry of binary formats", {
    cause: `binfmt_misc is not mounted at ${folder}`,
    hint: `sudo mount -t binfmt_misc binfmt_misc ${folder}`,
  })
}

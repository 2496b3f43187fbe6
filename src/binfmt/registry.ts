/**
 * The kernel's registry of binary formats.
 *
 *     :name:type:offset:magic:mask:interpreter:flags        written to …/binfmt_misc/register
 *
 * https://docs.kernel.org/admin-guide/binfmt-misc.html
 */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isErrno, LangrunError } from '../base/error.ts'
import { type Magic, RUNNER_FLAGS, renderMagicLine } from '../catalogue/magic.ts'
import { BINFMT_FOLDER } from '../host/kernel.ts'

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

/** The kernel's BINPRM_BUF_SIZE less one: the longest interpreter it takes. */
const LONGEST_INTERPRETER = 127
/** Magic must lie within the first bytes (BINPRM_BUF_SIZE is 256, but the registry's own limit is half of it). */
const MAGIC_WITHIN = 128
/** MAX_REGISTER_LENGTH in fs/binfmt_misc.c. */
const LONGEST_LINE = 1920

/** All entries, sorted by name. @throws LangrunError `unsupported` if the registry is not mounted. */
export function listEntries(folder = BINFMT_FOLDER): Entry[] {
  requireMounted(folder)
  return readdirSync(folder)
    .filter((name) => name !== 'register' && name !== 'status')
    .sort()
    .map((name) => parseEntry(name, readFileSync(join(folder, name), 'utf8')))
}

/** What the kernel shows of an entry. */
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

/** The line that registers an extension. @throws LangrunError `unsupported` if the kernel would refuse it, with its reason. */
export function extensionLine(name: string, extension: string, interpreter: string, flags = RUNNER_FLAGS): string {
  const line = `:${name}:E::${extension}::${interpreter}:${flags}`
  const refusal = refuse(name, extension, interpreter, line)
  if (refusal === undefined) return line
  throw new LangrunError('unsupported', `cannot register .${extension}`, { cause: refusal.why, hint: refusal.hint })
}

/** The line that registers a magic number. @throws LangrunError `unsupported` if the kernel would refuse it, with its reason. */
export function magicLine(name: string, magic: Magic, interpreter: string, flags = RUNNER_FLAGS): string {
  const line = renderMagicLine(name, magic, interpreter, flags)
  const end = magic.offset + magic.magic.length
  const refusal =
    end > MAGIC_WITHIN
      ? { why: `the kernel reads ${MAGIC_WITHIN} bytes of a file, not ${end}`, hint: 'choose a magic nearer to the start' }
      : refuse(name, '', interpreter, line)
  if (refusal === undefined) return line
  throw new LangrunError('unsupported', `cannot register ${name}`, { cause: refusal.why, hint: refusal.hint })
}

function refuse(name: string, extension: string, interpreter: string, line: string): { why: string; hint: string } | undefined {
  if (/[/:\0\n]/.test(name) || /[/:\0\n]/.test(extension)) {
    return { why: `neither "${name}" nor "${extension}" may contain / or :`, hint: 'choose another extension' }
  }
  if (Buffer.byteLength(interpreter) > LONGEST_INTERPRETER) {
    return {
      why: `the kernel takes ${LONGEST_INTERPRETER} bytes of path, not ${interpreter}`,
      hint: 'use a store with a shorter path: set XDG_DATA_HOME',
    }
  }
  if (Buffer.byteLength(line) > LONGEST_LINE)
    return { why: `the kernel takes a line of ${LONGEST_LINE} bytes`, hint: 'choose a shorter name' }
  return undefined
}

/** Add an entry, in place of one with the same name. The last one registered wins where several match. */
export function register(name: string, line: string, folder = BINFMT_FOLDER): void {
  requireMounted(folder)
  remove(name, folder)
  try {
    writeFileSync(join(folder, 'register'), line)
  } catch (error) {
    throw new LangrunError('failed', `cannot register ${name} with the kernel`, {
      cause: error,
      hint: 'see what this host lacks: langrun doctor',
    })
  }
}

/** Remove an entry; nothing happens if there is none. */
export function remove(name: string, folder = BINFMT_FOLDER): void {
  // Opening a name that is not there asks the kernel to create it, which it refuses with EACCES.
  if (!existsSync(join(folder, name))) return
  try {
    writeFileSync(join(folder, name), '-1')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return
    throw new LangrunError('permission', `cannot remove ${name} from the kernel's registry`, {
      cause: error,
      hint: 'try again as root: sudo langrun unregister',
    })
  }
}

function requireMounted(folder: string): void {
  if (existsSync(join(folder, 'register'))) return
  throw new LangrunError('unsupported', "cannot read the kernel's registry of binary formats", {
    cause: `binfmt_misc is not mounted at ${folder}`,
    hint: `sudo mount -t binfmt_misc binfmt_misc ${folder}`,
  })
}

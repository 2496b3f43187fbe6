/**
 * An entry as it is asked of the kernel, and the line that asks for it:
 *
 *     :name:E::extension::interpreter:flags
 *     :name:M:offset:magic:mask:interpreter:flags
 *
 * The first character of a line is its delimiter, and may be any that is in none of the fields. systemd's binfmt.d has the same lines,
 * with blank lines and comments (`#`, `;`). https://docs.kernel.org/admin-guide/binfmt-misc.html
 */

import { LangrunError } from '../base/error.ts'
import { type Magic, renderBytes } from '../catalogue/magic.ts'

export interface Definition {
  readonly name: string
  readonly match: Match
  readonly interpreter: string
  /** Letters of POCF, in this order. */
  readonly flags: string
}

export type Match = { readonly kind: 'extension'; readonly extension: string } | ({ readonly kind: 'magic' } & Magic)

/** The kernel documents these limits; newer kernels take more of some, but an entry should work on each. */
const LONGEST_INTERPRETER = 127
export const MAGIC_WITHIN = 128
/** MAX_REGISTER_LENGTH in fs/binfmt_misc.c. */
const LONGEST_LINE = 1920
/** NAME_MAX: an entry is a file. */
const LONGEST_NAME = 255

/** Not those that start a comment in binfmt.d, nor what escapes are made of. */
const DELIMITERS = ':,|!%@~^=+'

/** The line for the kernel. @throws LangrunError `unsupported` if the kernel would refuse it, with its reason */
export function encodeDefinition(definition: Definition): string {
  const problem = problemOf(definition)
  if (problem === undefined) return encode(definition)
  const what = definition.match.kind === 'extension' ? `.${definition.match.extension}` : definition.name
  throw new LangrunError('unsupported', `cannot register ${what || 'an entry without a name'}`, { cause: problem[0], hint: problem[1] })
}

/** What a line asks for; undefined if the kernel would not understand it. */
export function parseDefinition(line: string): Definition | undefined {
  const [name, type, offset, magic, mask, interpreter, flags = ''] = line.slice(1).split(line[0] ?? '')
  if (!name || interpreter === undefined || magic === undefined || mask === undefined) return undefined
  const rest = { name, interpreter, flags: sortFlags(flags.trim()) }
  if (type === 'E') return { ...rest, match: { kind: 'extension', extension: magic } }
  if (type !== 'M') return undefined
  const bits = mask === '' ? undefined : unescapeHex(mask)
  return { ...rest, match: { kind: 'magic', offset: Number(offset), magic: unescapeHex(magic), mask: bits } }
}

/** `FOP` → `POF`: as the kernel shows them. */
export function sortFlags(flags: string): string {
  return [...'POCF'].filter((flag) => flags.includes(flag)).join('')
}

function encode(definition: Definition): string {
  const fields = fieldsOf(definition)
  const delimiter = delimiterFor(fields.join('')) ?? ':'
  return delimiter + fields.join(delimiter)
}

function fieldsOf({ name, match, interpreter, flags }: Definition): string[] {
  if (match.kind === 'extension') return [name, 'E', '', match.extension, '', interpreter, flags]
  const mask = match.mask === undefined ? '' : renderBytes(match.mask)
  return [name, 'M', `${match.offset}`, renderBytes(match.magic), mask, interpreter, flags]
}

function delimiterFor(text: string): string | undefined {
  return [...DELIMITERS].find((character) => !text.includes(character))
}

/** Why the kernel would refuse it, and what to do. */
function problemOf(definition: Definition): readonly [string, string] | undefined {
  const { name, interpreter, flags } = definition
  const line = encode(definition)
  if (name === '') return ['its name is empty', 'give it a name']
  if (name === 'register' || name === 'status') return [`"${name}" is a file of the kernel's own there`, 'choose another name']
  if (name === '.' || name === '..' || hasForbidden(name))
    return [`an entry is a file: "${name}" cannot be its name`, 'choose another name']
  if (Buffer.byteLength(name) > LONGEST_NAME) return [`its name has more than ${LONGEST_NAME} bytes`, 'choose a shorter name']
  const problem = problemOfMatch(definition.match)
  if (problem !== undefined) return problem
  if (!interpreter.startsWith('/')) return [`"${interpreter}" is not an absolute path`, 'give the whole path of the interpreter']
  if (/[\0\n]/.test(interpreter)) return ["the interpreter's path has a line break in it", 'choose another place for it']
  if (Buffer.byteLength(interpreter) > LONGEST_INTERPRETER) {
    return [
      `the kernel takes ${LONGEST_INTERPRETER} bytes of path, and ${interpreter} has ${Buffer.byteLength(interpreter)}`,
      "choose a shorter path (for langrun's own store: set XDG_DATA_HOME), or make a link to it",
    ]
  }
  const unknown = [...flags].find((flag) => !'POCF'.includes(flag))
  if (unknown !== undefined) return [`there is no flag "${unknown}"`, 'flags are P, O, C and F: langrun binfmt add --help']
  if (delimiterFor(fieldsOf(definition).join('')) === undefined) {
    return [`the fields contain every one of ${DELIMITERS}, and one has to stand between them`, 'choose another name']
  }
  if (Buffer.byteLength(line) > LONGEST_LINE) return [`the kernel takes a line of ${LONGEST_LINE} bytes`, 'choose a shorter name']
  return undefined
}

function problemOfMatch(match: Match): readonly [string, string] | undefined {
  if (match.kind === 'extension') {
    const { extension } = match
    if (extension === '') return ['its extension is empty', 'give what follows the last dot: lisp']
    if (hasForbidden(extension)) return [`".${extension}" cannot be the end of a file's name`, 'choose another extension']
    if (extension.includes('.')) {
      return [
        `the kernel compares what follows the last dot, never ".${extension}"`,
        `choose ${extension.slice(extension.lastIndexOf('.') + 1)}`,
      ]
    }
    return undefined
  }
  const { offset, magic, mask } = match
  if (magic.length === 0) return ['its magic is empty: every file would match', 'give at least one byte']
  if (!Number.isInteger(offset) || offset < 0) return [`"${offset}" is no offset`, 'give a number of bytes, 0 or more']
  if (offset + magic.length > MAGIC_WITHIN) {
    return [
      `the kernel looks at the first ${MAGIC_WITHIN} bytes of a file, and the magic ends at ${offset + magic.length}`,
      'choose bytes nearer to the start',
    ]
  }
  if (mask === undefined) return undefined
  if (mask.length !== magic.length) return [`its mask has ${mask.length} bytes, and its magic ${magic.length}`, 'make them equally long']
  return mask.every((byte) => byte === 0) ? ['its mask is all zero: every file would match', 'set the bits that count'] : undefined
}

function hasForbidden(text: string): boolean {
  return /[/\0\n]/.test(text)
}

/** As the kernel's string_unescape with UNESCAPE_HEX. */
function unescapeHex(text: string): Buffer {
  return Buffer.from(
    Buffer.from(text)
      .toString('latin1')
      .replaceAll(/\\x([0-9a-fA-F]{1,2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
    'latin1',
  )
}

/** Magic numbers and masks as people write them. */

import { LangrunError } from '../base/error.ts'

/** Fewer hexadecimal digits than this may well be a word: `BC`, `cafe`. */
const SURELY_HEX = 8

/**
 * `0x7f45`, `7f454c46` (an even number of at least eight digits, as the kernel shows them) and `\x7fELF` (`\\` is a backslash) are bytes;
 * everything else is text, as is what follows `text:`.
 *
 * @throws LangrunError `usage`
 */
export function parseBytes(text: string): Buffer {
  if (text.startsWith('text:')) return Buffer.from(text.slice('text:'.length))
  if (text.startsWith('0x')) return parseHex(text.slice(2), text)
  if (/^[0-9a-fA-F]+$/.test(text) && text.length >= SURELY_HEX && text.length % 2 === 0) return Buffer.from(text, 'hex')
  return text.includes('\\') ? parseEscaped(text) : Buffer.from(text)
}

/** A mask is never text: `ff00`, `0xff00`, `\xff\x00`. @throws LangrunError `usage` */
export function parseMask(text: string): Buffer {
  return text.includes('\\') ? parseEscaped(text) : parseHex(text.replace(/^0x/, ''), text)
}

/** `7f454c46 (".ELF")`: for people. */
export function showBytes(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex')
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replaceAll(/[^ -~]/g, '.')
  return /[ -~]{2}/.test(Buffer.from(bytes).toString('latin1')) ? `${hex} ("${text}")` : hex
}

function parseHex(digits: string, text: string): Buffer {
  if (/^([0-9a-fA-F]{2})*$/.test(digits)) return Buffer.from(digits, 'hex')
  throw new LangrunError('usage', `cannot read the bytes "${text}"`, {
    cause: 'they are not pairs of hexadecimal digits',
    hint: 'write 0x7f454c46, \\x7fELF, or text',
  })
}

function parseEscaped(text: string): Buffer {
  const parts = text.split(/(\\x[0-9a-fA-F]{2}|\\\\)/)
  const stray = parts.find((part, index) => index % 2 === 0 && part.includes('\\'))
  if (stray !== undefined) {
    throw new LangrunError('usage', `cannot read the bytes "${text}"`, {
      cause: `a backslash begins \\xHH or is doubled, but here: "${stray.slice(stray.indexOf('\\'))}"`,
      hint: 'write \\\\ for a backslash, or text:… for plain text',
    })
  }
  return Buffer.concat(
    parts.map((part, index) => {
      if (index % 2 === 0) return Buffer.from(part)
      return part === '\\\\' ? Buffer.from('\\') : Buffer.from(part.slice(2), 'hex')
    }),
  )
}

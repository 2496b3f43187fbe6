/** SHA-256 digests, as 64 lower-case hexadecimal digits. */

import { hash } from 'node:crypto'
import { LangrunError } from './error.ts'

/** 64 lower-case hexadecimal digits, checked. */
export type Sha256 = string & { readonly __brand: 'sha256' }

/** @throws LangrunError `untrusted` if `text` is no SHA-256 in hexadecimal. */
export function parseSha256(text: string): Sha256 {
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new LangrunError('untrusted', `cannot use "${text.slice(0, 80)}" as a sha256 digest`, {
      cause: 'expected 64 lower-case hexadecimal digits',
    })
  }
  return text as Sha256
}

export function sha256(data: Uint8Array | string): Sha256 {
  return hash('sha256', data, 'hex') as Sha256
}

/** What a signed list says that a file must be; checked before any of its bytes is parsed. */

import { createHash, type Hash } from 'node:crypto'
import type { Sha256 } from '../base/digest.ts'
import { LangrunError } from '../base/error.ts'
import type { Http } from '../base/http.ts'

export interface Expected {
  readonly size: number
  readonly sha256: Sha256
}

/** @throws LangrunError `untrusted` if these are not the bytes that were expected */
export async function fetchExpected(http: Http, url: string, expected: Expected, onBytes?: (size: number) => void): Promise<Buffer> {
  let hash: Hash = createHash('sha256')
  let size = 0
  const { body } = await http.buffer(url, {
    maxBytes: expected.size,
    onBytes(bytes) {
      if (bytes === undefined) {
        hash = createHash('sha256')
        size = 0
      } else {
        hash.update(bytes)
        size += bytes.length
        onBytes?.(size)
      }
    },
  })
  checkExpected(url, expected, size, hash.digest('hex'))
  return body
}

/** @throws LangrunError `untrusted` */
export function checkExpected(what: string, expected: Expected, size: number, sha256: string): void {
  if (size === expected.size && sha256 === expected.sha256) return
  throw new LangrunError('untrusted', `cannot trust the bytes sent for ${what}`, {
    cause:
      size === expected.size
        ? `got sha256:${sha256}, expected sha256:${expected.sha256}`
        : `got ${size} bytes, expected ${expected.size} (sha256:${expected.sha256})`,
    hint: 'the mirror may be mid-update: try again, or choose another with --mirror',
  })
}

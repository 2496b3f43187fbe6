/** Names in a package, made into safe paths below its root. */

import { LangrunError } from '../base/error.ts'

/** PATH_MAX of Linux. */
const MAX_PATH_BYTES = 4096
const MAX_NAME_BYTES = 255

/** Folders that are links into `/usr` on every Debian since 12. A package may still name them: its files then lie in `/usr`. */
const MERGED = new Set(['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'libo32'])

/**
 * @returns the path without `./` and slashes at its ends, `''` for the root itself
 * @throws LangrunError `untrusted` for an absolute path and for one with `..`
 */
export function parseEntryPath(name: string): string {
  const refuse = (cause: string) => new LangrunError('untrusted', `cannot unpack the entry "${name.slice(0, 200)}"`, { cause })
  if (name.startsWith('/')) throw refuse('its path is absolute')
  // U+FFFD is what decoding leaves of bytes that are not UTF-8: the name could not be made as it was meant.
  if (/[\0\ufffd]/.test(name)) throw refuse('its path is not UTF-8')
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw refuse('its path leads out of the package')
  const path = parts.join('/')
  if (
    Buffer.byteLength(path) >= MAX_PATH_BYTES ||
    parts.some((part) => part.length > MAX_NAME_BYTES / 4 && Buffer.byteLength(part) > MAX_NAME_BYTES)
  ) {
    throw refuse('its path is too long')
  }
  return path
}

/** Where an entry lies once `/bin` and its like are links into `/usr`. The links themselves stay where they are. */
export function merge(path: string, isLink: boolean): string {
  const slash = path.indexOf('/')
  const top = slash < 0 ? path : path.slice(0, slash)
  return MERGED.has(top) && !(isLink && slash < 0) ? `usr/${path}` : path
}

/**
 * Which mirror to use: the configured one, else the one that the host's own apt uses for Debian, else Debian's main server.
 *
 * The host's choice is the best guess at what is near and reachable. Only Debian's own archives count: what an apt source
 * of another maker holds is not what our keys sign.
 */

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readIfThere } from '../base/files.ts'
import { parseStanzas } from './deb822.ts'
import type { Mirrors } from './source.ts'

export const DEFAULT_MIRRORS: Mirrors = {
  debian: 'http://ftp.debian.org/debian',
  security: 'http://security.debian.org/debian-security',
}

/** @param root the folder that holds `etc/apt`; `/` but in tests */
export function chooseMirrors(root: string, configured: Partial<Mirrors> = {}): Mirrors {
  const host = readHostMirrors(root)
  return {
    debian: withoutSlash(configured.debian ?? host.debian ?? DEFAULT_MIRRORS.debian),
    security: withoutSlash(configured.security ?? host.security ?? DEFAULT_MIRRORS.security),
  }
}

export function readHostMirrors(root: string): Partial<Mirrors> {
  const addresses = aptFiles(join(root, 'etc/apt')).flatMap(({ path, text }) =>
    path.endsWith('.sources') ? fromDeb822(text) : fromOneLine(text),
  )
  const debian = addresses.find((address) => /^https?:\/\/.+\/debian\/?$/.test(address))
  const security = addresses.find((address) => /^https?:\/\/.+\/debian-security\/?$/.test(address))
  return { ...(debian && { debian: withoutSlash(debian) }), ...(security && { security: withoutSlash(security) }) }
}

function aptFiles(folder: string): { path: string; text: string }[] {
  const parts = join(folder, 'sources.list.d')
  const names = readNames(parts).filter((name) => /^[\w.-]+\.(list|sources)$/.test(name))
  return [join(folder, 'sources.list'), ...names.sort().map((name) => join(parts, name))].flatMap((path) => {
    const text = readIfThere(path)
    return text === undefined ? [] : [{ path, text }]
  })
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // no apt here, or none that we may read: the defaults do
  }
}

/** `deb [option=value …] address suite component…` */
function fromOneLine(text: string): string[] {
  return text.split('\n').flatMap((line) => /^\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)/.exec(line)?.[1] ?? [])
}

/** @see https://manpages.debian.org/sources.list, "DEB822-STYLE FORMAT" */
function fromDeb822(text: string): string[] {
  return parseStanzas(text)
    .filter((stanza) => stanza.get('enabled') !== 'no' && /\bdeb\b/.test(stanza.get('types') ?? ''))
    .flatMap((stanza) => (stanza.get('uris') ?? '').split(/\s+/))
}

function withoutSlash(address: string): string {
  return address.replace(/\/+$/, '')
}

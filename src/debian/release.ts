/**
 * The signed root of trust of a suite: `dists/<suite>/InRelease`, which lists every index with its size and digest.
 *
 * A verified one is remembered in the cache, as `release-<of which mirror, suite, keys>`: against replay (an older one than
 * it is refused), so that an unchanged one need not be verified again, and for work without a network:
 *
 *     InRelease: 6f0c…        the digest of the whole file as it was sent
 *     ETag: "…"               and Last-Modified, if the server sent them
 *
 *     Origin: Debian          what was signed, and nothing else
 *
 * @see https://wiki.debian.org/DebianRepository/Format#A.22Release.22_files
 */

import { join } from 'node:path'
import { parseSha256, sha256 } from '../base/digest.ts'
import { LangrunError } from '../base/error.ts'
import { ensureFolder, readIfThere, replaceFile } from '../base/files.ts'
import type { Http } from '../base/http.ts'
import { parseStanza, type Stanza } from './deb822.ts'
import type { Expected } from './expected.ts'
import type { Source } from './source.ts'

/** Debian's own are under 300 KB. */
const MAX_RELEASE_BYTES = 8 * 1024 * 1024
/** A clock that is wrong by less than this is common, and no attack. */
const CLOCK_SKEW_MS = 24 * 60 * 60 * 1000

export interface Release {
  readonly source: Source
  readonly suite: string
  readonly codename: string
  /** Of the point release, such as 13.7; empty where a suite has none. */
  readonly version: string
  readonly date: Date
  readonly validUntil?: Date
  readonly architectures: readonly string[]
  readonly byHash: boolean
  /** By path below `dists/<suite>/`. */
  readonly files: ReadonlyMap<string, Expected>
}

/** `never` fails without a network, `fallback` then uses what was verified before, `only` does not ask the network at all. */
export type Offline = 'never' | 'fallback' | 'only'

export interface ReleaseOptions {
  readonly http: Http
  /** Where verified ones are remembered. */
  readonly folder: string
  readonly offline: Offline
  readonly now: Date
}

/** @returns undefined if the suite is optional and its mirror has none */
export async function fetchRelease(source: Source, options: ReleaseOptions): Promise<Release | undefined> {
  const { http, folder, offline, now } = options
  const path = join(folder, `release-${sha256(JSON.stringify([source.mirror, source.suite, source.keys]))}`)
  const seen = readSeen(path)
  if (offline === 'only') return fromSeen(source, seen)
  const url = `${source.mirror}/dists/${source.suite}/InRelease`
  try {
    const answer = await http.buffer(url, { headers: conditions(seen), maxBytes: MAX_RELEASE_BYTES })
    if (seen !== undefined && (answer.status === 304 || sha256(answer.body) === seen.headers.get('inrelease'))) {
      return checkFresh(parseRelease(source, seen.text), now)
    }
    const text = await verify(answer.body.toString(), source)
    const release = checkFresh(parseRelease(source, text), now)
    checkNotOlder(release, seen, source)
    ensureFolder(folder)
    const { etag, 'last-modified': modified } = answer.headers
    const head = [
      `InRelease: ${sha256(answer.body)}`,
      ...(etag ? [`ETag: ${etag}`] : []),
      ...(modified ? [`Last-Modified: ${modified}`] : []),
    ]
    replaceFile(path, `${head.join('\n')}\n\n${text}`)
    return release
  } catch (error) {
    if (!(error instanceof LangrunError)) throw error
    if (error.code === 'not-found') {
      if (source.optional) return undefined
      throw new LangrunError('not-found', `cannot find the Debian suite "${source.suite}"`, {
        cause: error,
        hint: 'check the name of the suite and the mirror',
      })
    }
    if (error.code === 'network' && offline === 'fallback' && seen !== undefined) return fromSeen(source, seen)
    throw error
  }
}

/** @throws LangrunError `untrusted` unless one of the source's keys signed `signed`. @returns exactly what was signed */
async function verify(signed: string, source: Source): Promise<string> {
  // Loaded here, since most runs find an unchanged release and OpenPGP takes 30 ms to load.
  const { readCleartextMessage, readKeys, verify } = await import('openpgp')
  const refuse = (cause: unknown) =>
    new LangrunError('untrusted', `cannot trust the release file of ${source.suite} from ${source.mirror}`, {
      cause,
      hint: 'something on the way may have changed it; try another mirror, or give the key that signs this archive',
    })
  try {
    const verificationKeys = (await Promise.all(source.keys.map((armoredKeys) => readKeys({ armoredKeys })))).flat()
    const message = await readCleartextMessage({ cleartextMessage: signed })
    const { signatures } = await verify({ message, verificationKeys })
    await Promise.any(signatures.map(({ verified }) => verified))
    return message.getText()
  } catch (error) {
    if (!(error instanceof AggregateError)) throw refuse(error)
    throw refuse(error.errors.length === 0 ? 'it bears no signature' : error.errors.map((each: Error) => each.message).join('; '))
  }
}

function parseRelease(source: Source, text: string): Release {
  const stanza = parseStanza(text)
  const suite = stanza.get('suite') ?? ''
  const codename = stanza.get('codename') ?? ''
  const refuse = (cause: string) =>
    new LangrunError('untrusted', `cannot use the release file of ${source.suite} from ${source.mirror}`, { cause })
  if (source.suite !== suite && source.suite !== codename) throw refuse(`it is of the suite "${suite}", codename "${codename}"`)
  const date = new Date(stanza.get('date') ?? '')
  if (Number.isNaN(date.getTime())) throw refuse('it has no date')
  return {
    source,
    suite,
    codename,
    version: stanza.get('version') ?? '',
    date,
    architectures: (stanza.get('architectures') ?? '').split(/\s+/),
    byHash: stanza.get('acquire-by-hash') === 'yes',
    files: parseFiles(stanza),
    ...parseValidUntil(stanza),
  }
}

function parseFiles(stanza: Stanza): Map<string, Expected> {
  const files = new Map<string, Expected>()
  for (const line of (stanza.get('sha256') ?? '').split('\n')) {
    const [, digest, size, path] = /^ ([0-9a-f]{64}) +(\d+) (\S+)$/.exec(line) ?? []
    if (digest !== undefined && path !== undefined) files.set(path, { size: Number(size), sha256: parseSha256(digest) })
  }
  return files
}

function parseValidUntil(stanza: Stanza): { validUntil?: Date } {
  const text = stanza.get('valid-until')
  return text === undefined ? {} : { validUntil: new Date(text) }
}

function checkFresh(release: Release, now: Date): Release {
  const { source, date } = release
  const refuse = (cause: string) =>
    new LangrunError('untrusted', `cannot trust the release file of ${source.suite} from ${source.mirror}`, {
      cause,
      hint: "check this machine's clock; if it is right, the mirror is out of date: choose another",
    })
  // Not "later than": an unreadable date must not pass.
  const { validUntil } = release
  if (validUntil !== undefined && !(validUntil >= now) && source.expired !== 'accept') {
    throw refuse(`it was valid until ${show(validUntil)}, now is ${show(now)}`)
  }
  if (date.getTime() > now.getTime() + CLOCK_SKEW_MS) throw refuse(`it is of ${show(date)}, now is ${show(now)}`)
  return release
}

function checkNotOlder(release: Release, seen: Seen | undefined, source: Source): void {
  if (seen === undefined) return
  const last = parseRelease(source, seen.text).date
  if (release.date >= last) return
  throw new LangrunError('untrusted', `cannot trust the release file of ${source.suite} from ${source.mirror}`, {
    cause: `it is of ${show(release.date)}, but one of ${show(last)} was seen before`,
    hint: 'the mirror may lag behind: try again later, or choose another with --mirror',
  })
}

function show(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'an unreadable date' : date.toISOString()
}

/** What was verified before. */
interface Seen {
  readonly headers: Stanza
  readonly text: string
}

function readSeen(path: string): Seen | undefined {
  const file = readIfThere(path)
  const end = file?.indexOf('\n\n') ?? -1
  return file === undefined || end < 0 ? undefined : { headers: parseStanza(file.slice(0, end)), text: file.slice(end + 2) }
}

function fromSeen(source: Source, seen: Seen | undefined): Release | undefined {
  if (seen !== undefined) return parseRelease(source, seen.text)
  if (source.optional) return undefined
  throw new LangrunError('network', `cannot read the package index of ${source.suite} without a network`, {
    cause: 'it has never been fetched',
    hint: 'go online once, then it is kept',
  })
}

function conditions(seen: Seen | undefined): Record<string, string> {
  const etag = seen?.headers.get('etag')
  const modified = seen?.headers.get('last-modified')
  return { ...(etag && { 'if-none-match': etag }), ...(modified && { 'if-modified-since': modified }) }
}

/**
 * The packages of some suites: fetched and verified if they have changed, looked up by name in milliseconds.
 *
 * The index of a suite is fetched only when the signed release names one that is not in the cache.
 */

import { dirname, join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import { ensureFolder } from '../base/files.ts'
import type { Http } from '../base/http.ts'
import type { Progress } from '../base/progress.ts'
import { decompress } from './decompress.ts'
import { type Expected, fetchExpected } from './expected.ts'
import { hashName, type IndexData, type IndexFile, inMemory, lookup, openIndexFile, writeIndexFile } from './index-file.ts'
import { type Package, parsePackage } from './package.ts'
import { startReducer } from './reduce.ts'
import { fetchRelease, type Offline, type Release } from './release.ts'
import type { Source } from './source.ts'
import { compareVersions } from './version.ts'

/** Debian's largest, sid's main, is 65 MB. */
const MAX_INDEX_BYTES = 512 * 1024 * 1024

export interface Archive extends AsyncDisposable {
  readonly architecture: string
  readonly releases: readonly Release[]
  /** Every version of a package, the one to prefer first: sources before fallbacks, then newer versions first. */
  find(name: string): readonly Package[]
  /** The packages that name `name` in their `Provides`, the one to prefer first. */
  providers(name: string): readonly Package[]
}

export interface ArchiveOptions {
  readonly sources: readonly Source[]
  /** Debian's name for it: `amd64`, `arm64`. */
  readonly architecture: string
  /** The cache folder; `indexes` below it is ours. */
  readonly cache: string
  readonly http: Http
  readonly progress: Progress
  readonly offline?: Offline
  readonly now?: Date
}

/** @throws LangrunError `untrusted`, `network`, `not-found` (no such suite), `unsupported` (architecture) */
export async function openArchive(options: ArchiveOptions): Promise<Archive> {
  const { sources, architecture, http, offline = 'never', now = new Date() } = options
  const folder = join(options.cache, 'indexes')
  const saving: Promise<void>[] = []
  const step = options.progress.begin('package index')
  try {
    const opened = await Promise.all(
      sources.map(async (source) => {
        const release = await fetchRelease(source, { http, folder, offline, now })
        if (release === undefined) return undefined
        const open = (component: string) =>
          openIndex(release, component, { ...options, offline, folder, saving, onBytes: (size, total) => step.update(size, total) })
        return { release, indexes: await Promise.all(source.components.map(open)) }
      }),
    )
    const found = opened.filter((each) => each !== undefined)
    const indexes = found.flatMap(({ release, indexes }) =>
      indexes.filter((index) => index !== undefined).map((index) => tablesOf(index, release.source)),
    )
    step.end()
    return {
      architecture,
      releases: found.map(({ release }) => release),
      find: remember((name) =>
        indexes
          .flatMap((index) => index.find(name))
          .sort(byPreference)
          .filter(isFirstOfVersion),
      ),
      providers: remember((name) => indexes.flatMap((index) => index.providers(name)).filter(isFirstOfVersion)),
      async [Symbol.asyncDispose]() {
        // An index that could not be saved is fetched again next time: no reason to fail now.
        await Promise.allSettled(saving)
        for (const index of indexes) index.close()
      },
    }
  } catch (error) {
    step.end('failed')
    throw error
  }
}

interface IndexOptions extends ArchiveOptions {
  readonly offline: Offline
  readonly folder: string
  readonly saving: Promise<void>[]
  onBytes(size: number, total: number): void
}

async function openIndex(release: Release, component: string, options: IndexOptions): Promise<IndexFile | undefined> {
  const chosen = chooseFile(release, component, options.architecture)
  if (chosen === undefined) return undefined
  const cached = join(options.folder, `${chosen.expected.sha256}.1`)
  const file = openIndexFile(cached)
  if (file !== undefined) return file
  if (options.offline === 'only') {
    throw new LangrunError('network', `cannot read the package index of ${release.source.suite} without a network`, {
      cause: 'it is not in the cache',
      hint: 'go online once, then it is kept',
    })
  }
  const data = await fetchIndex(release, chosen, options)
  ensureFolder(options.folder)
  options.saving.push(writeIndexFile(cached, data))
  return inMemory(data)
}

interface Chosen {
  readonly path: string
  readonly expected: Expected
  readonly textBytes: number
}

/** gzip first: it takes a fifth of xz's time. Security and updates have xz only. */
function chooseFile(release: Release, component: string, architecture: string): Chosen | undefined {
  const refuse = (code: 'unsupported' | 'not-found', cause: string) =>
    new LangrunError(code, `cannot use the Debian suite "${release.source.suite}" for ${architecture}`, { cause })
  if (!release.architectures.includes(architecture)) throw refuse('unsupported', `it has only ${release.architectures.join(' ')}`)
  const plain = `${component}/binary-${architecture}/Packages`
  const textBytes = release.files.get(plain)?.size
  if (textBytes === undefined) throw refuse('not-found', `it lists no ${plain}`)
  if (textBytes === 0) return undefined
  if (textBytes > MAX_INDEX_BYTES) throw refuse('unsupported', `${plain} has ${textBytes} bytes, more than ${MAX_INDEX_BYTES}`)
  for (const path of [`${plain}.gz`, `${plain}.xz`, plain]) {
    const expected = release.files.get(path)
    if (expected !== undefined) return { path, expected, textBytes }
  }
  return undefined
}

async function fetchIndex(release: Release, { path, expected, textBytes }: Chosen, options: IndexOptions): Promise<IndexData> {
  const folder = `${release.source.mirror}/dists/${release.source.suite}`
  const fetch = (url: string) => fetchExpected(options.http, url, expected, (size) => options.onBytes(size, expected.size))
  const plain = `${folder}/${path}`
  const byHash = `${folder}/${dirname(path)}/by-hash/SHA256/${expected.sha256}`
  // By hash it is there even while the mirror is being updated; but not every copy of a mirror has those files.
  const body = release.byHash
    ? await fetch(byHash).catch((error: unknown) => (isNotFound(error) ? fetch(plain) : Promise.reject(error)))
    : await fetch(plain)
  const reducer = startReducer(textBytes)
  for await (const piece of decompress(path, [body])) reducer.push(piece)
  return reducer.finish()
}

function isNotFound(error: unknown): boolean {
  return error instanceof LangrunError && error.code === 'not-found'
}

interface Tables {
  find(name: string): Package[]
  providers(name: string): Package[]
  close(): void
}

function tablesOf(index: IndexFile, source: Source): Tables {
  const parsed = new Map<number, Package>()
  function packageAt(stanza: number): Package {
    const known = parsed.get(stanza)
    if (known !== undefined) return known
    const made = parsePackage(index.text(index.stanzas[2 * stanza]!, index.stanzas[2 * stanza + 1]!), source)
    parsed.set(stanza, made)
    return made
  }
  const all = (table: Uint32Array, name: string) => lookup(table, hashName(Buffer.from(name))).map(packageAt)
  return {
    find: (name) => all(index.packages, name).filter((each) => each.name === name),
    providers: (name) => all(index.provided, name).filter((each) => each.provides.some((provided) => provided.name === name)),
    close: () => index.close(),
  }
}

function byPreference(a: Package, b: Package): number {
  return Number(a.source.fallback ?? false) - Number(b.source.fallback ?? false) || compareVersions(b.version, a.version)
}

/** The same version may be in a suite and in its updates. */
function isFirstOfVersion(each: Package, at: number, all: readonly Package[]): boolean {
  return (
    all.findIndex(
      (other) => other.name === each.name && other.version === each.version && other.source.fallback === each.source.fallback,
    ) === at
  )
}

function remember<T>(answer: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>()
  return (name) => {
    const before = known.get(name)
    if (before !== undefined) return before
    const now = answer(name)
    known.set(name, now)
    return now
  }
}

/**
 * A store: the folder that holds packages, images, plans and runners.
 *
 *     bin/langrun bin/launcher
 *     packages/<sha256>/{root/,manifest.json}
 *     images/<digest>/{rootfs/,image.json,manifest.json}
 *     languages/<name>.json      what is installed
 *     extensions.json            endings that the user gave to a language
 *     plans/<language>.<profile> plans/.<extension>.<profile>
 *     runners/<language> shims/<command>
 *     roots/<digest>/            roots made ahead, for plans
 *     tmp/                       staging: what lies here without its lock held is garbage
 *     lock
 *
 * Everything appears by rename, whole. One writer at a time (`lock.ts`); readers take no lock.
 */

import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { explainDisk, LangrunError } from '../base/error.ts'
import { ensureFolder, readIfThere, replaceFile } from '../base/files.ts'

export interface Store {
  readonly path: string
  readonly kind: 'user' | 'system'
}

/** What `languages/<name>.json` says. */
export interface Installed {
  readonly version: 1
  readonly name: string
  /** The digest of its image. */
  readonly image: string
  /** The recipe's fields that plans are made of, as they were at the installation. */
  readonly recipe: Readonly<Record<string, unknown>>
}

/** What `images/<digest>/image.json` says. */
export interface ImageInfo {
  readonly version: 1
  readonly digest: string
  readonly name: string
  readonly suite: string
  readonly architecture: string
  /** What the image was made of: equal keys give equal images. */
  readonly key: string
  readonly packages: readonly { readonly name: string; readonly version: string; readonly sha256: string }[]
  /** Bytes in regular files. */
  readonly size: number
  readonly files: number
}

const FOLDERS = ['bin', 'packages', 'images', 'roots', 'languages', 'plans', 'runners', 'shims', 'tmp'] as const

/** Make the store's folders. @throws LangrunError `permission` or `no-space`. */
export function createStore(store: Store): void {
  try {
    // A user's store is nobody else's business; the system's is everybody's to read.
    ensureFolder(store.path, store.kind === 'user' ? 0o700 : 0o755)
    for (const folder of FOLDERS) ensureFolder(join(store.path, folder))
  } catch (error) {
    throw explainDisk(error, `cannot make the store ${store.path}`)
  }
  checkTrust(store)
}

/**
 * A store is used only if the user or root owns it and nobody else can write to it: the launcher asks the same of it on every start.
 *
 * @throws LangrunError `untrusted`
 */
export function checkTrust(store: Store): void {
  const info = statSync(store.path, { throwIfNoEntry: false })
  if (info === undefined) return
  const uid = process.geteuid?.() ?? 0
  if (info.uid !== uid && info.uid !== 0 && !(store.kind === 'system' && info.uid === OVERFLOW_UID)) {
    const hint = 'use a store of your own: set HOME or XDG_DATA_HOME to your own folder (with sudo: sudo -H)'
    throw new LangrunError('untrusted', `cannot use the store ${store.path}`, {
      cause: `it belongs to uid ${info.uid}, not to you (${uid}) or root`,
      hint,
    })
  }
  if ((info.mode & 0o022) !== 0) {
    throw new LangrunError('untrusted', `cannot use the store ${store.path}`, {
      cause: 'its group or others may write to it',
      hint: `chmod go-w ${store.path}`,
    })
  }
}

/** Whether the store belongs to the user or to root, or is not there. */
export function isOwn({ path }: Store): boolean {
  const info = statSync(path, { throwIfNoEntry: false })
  return info === undefined || info.uid === (process.geteuid?.() ?? 0) || info.uid === 0
}

/** What root's files seem to belong to where uid 0 is not mapped (user_namespaces(7)). */
const OVERFLOW_UID = 65534

export function rootfsOf(store: Store, digest: string): string {
  return join(store.path, 'images', digest, 'rootfs')
}

/** The image of an installed language. @throws LangrunError `damaged` if the store does not hold it. */
export function readImage(store: Store, digest: string, language: string): ImageInfo {
  const path = join(store.path, 'images', digest, 'image.json')
  const info = readJson(path, language)
  if (info !== undefined) return info as ImageInfo
  throw new LangrunError('damaged', `cannot find the image of ${language}`, { cause: `${path} is missing`, hint: again(language) })
}

/** Every image that can be read; a damaged one is as good as none. */
export function listImages(store: Store): ImageInfo[] {
  return names(join(store.path, 'images')).flatMap((digest) => {
    const text = readIfThere(join(store.path, 'images', digest, 'image.json'))
    try {
      return text === undefined ? [] : [JSON.parse(text) as ImageInfo]
    } catch {
      return []
    }
  })
}

export function readInstalled(store: Store, language: string): Installed | undefined {
  return readJson(join(store.path, 'languages', `${language}.json`), language) as Installed | undefined
}

/** Remove what is known of a language if it cannot be read. */
export function forgetDamaged(store: Store, language: string): void {
  try {
    readInstalled(store, language)
  } catch (error) {
    if (!(error instanceof LangrunError)) throw error
    removeInstalled(store, language)
  }
}

export function writeInstalled(store: Store, installed: Installed): void {
  replaceFile(join(store.path, 'languages', `${installed.name}.json`), `${JSON.stringify(installed, null, 2)}\n`)
}

export function listInstalled(store: Store): Installed[] {
  return names(join(store.path, 'languages'))
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .map((name) => readInstalled(store, name.slice(0, -'.json'.length)))
    .filter((installed) => installed !== undefined)
}

export function removeInstalled(store: Store, language: string): void {
  rmSync(join(store.path, 'languages', `${language}.json`), { force: true })
}

/** The endings that the user gave to a language of their choice: extension → language. */
export function readChoices(store: Store): Readonly<Record<string, string>> {
  return (readJson(join(store.path, 'extensions.json')) as Record<string, string> | undefined) ?? {}
}

export function writeChoices(store: Store, choices: Readonly<Record<string, string>>): void {
  replaceFile(join(store.path, 'extensions.json'), `${JSON.stringify(choices, null, 2)}\n`)
}

/** The names in a folder, sorted; none if there is no such folder. */
export function names(path: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch {
    return []
  }
}

/** A store's file, parsed. @throws LangrunError `damaged` if it is no JSON: a rename never leaves half a file, so somebody wrote into it. */
function readJson(path: string, language?: string): unknown {
  const text = readIfThere(path)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    const hint = language === undefined ? `rm ${path}` : again(language)
    throw new LangrunError('damaged', `cannot read ${path}`, { cause: error, hint })
  }
}

function again(language: string): string {
  return `install it again: langrun install ${language}`
}

/**
 * What a user configures, below ~/.config/langrun:
 *
 *     config.toml       mirror = "http://ftp.de.debian.org/debian"
 *                       security-mirror = "http://security.debian.org/debian-security"
 *                       keys = ["/home/me/archive.asc"]      whose signatures count besides those of Debian's own archive
 *                       cache-size = 2000                    megabytes for compiled scripts
 *                       install-on-first-use = "ask"         on a terminal, or "always", or "never"
 *     runners/*.toml    languages of the user's own, in place of built-in ones of the same name
 *     images/*.toml     likewise
 */

import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { parse as parseToml } from 'smol-toml'
import { isErrno, LangrunError } from '../base/error.ts'
import type { RecipeTexts } from '../catalogue/catalogue.ts'
import { names } from '../store/store.ts'

export interface Config {
  readonly mirror: string | undefined
  readonly securityMirror: string | undefined
  /** Armored OpenPGP keys. */
  readonly keys: readonly string[]
  /** What to do when a script's language is not installed; `ask` is as `never` where there is no terminal. */
  readonly firstUse: (typeof FIRST_USE)[number]
  /** Bytes that may be kept for scripts. */
  readonly cacheSize: number
  readonly recipes: RecipeTexts
}

/** In megabytes; others' unbounded caches reached 245 GB (cargo-make#968). */
const CACHE_SIZE = 2000

const FIRST_USE = ['ask', 'always', 'never'] as const

/**
 * A folder of somebody else's is as good as none: root with a user's HOME (some kinds of sudo) must not do what the user wrote there.
 *
 * @throws LangrunError `usage` for a file that is wrong, `untrusted` if others could have written it
 */
export function readConfig(folder: string, uid: number): Config {
  const info = statSync(folder, { throwIfNoEntry: false })
  const isOurs = info !== undefined && (info.uid === uid || info.uid === 0)
  if (isOurs && (info.mode & 0o022) !== 0) {
    throw new LangrunError('untrusted', `cannot use the configuration in ${folder}`, {
      cause: 'its group or others may write to it',
      hint: `chmod go-w ${folder}`,
    })
  }
  const path = join(folder, 'config.toml')
  const values = isOurs ? readValues(path) : {}
  return {
    mirror: values.mirror,
    securityMirror: values['security-mirror'],
    keys: (values.keys ?? []).map((key) => readKey(key, path)),
    firstUse: values['install-on-first-use'] ?? 'ask',
    cacheSize: (values['cache-size'] ?? CACHE_SIZE) * 1e6,
    recipes: {
      folder,
      runners: isOurs ? readRecipes(join(folder, 'runners')) : {},
      images: isOurs ? readRecipes(join(folder, 'images')) : {},
    },
  }
}

interface Values {
  readonly mirror?: string
  readonly 'security-mirror'?: string
  readonly keys?: readonly string[]
  readonly 'install-on-first-use'?: Config['firstUse']
  readonly 'cache-size'?: number
}

const isText = (value: unknown): boolean => typeof value === 'string'
const isList = (value: unknown): boolean => Array.isArray(value) && value.every(isText)

const KNOWN: Readonly<Record<keyof Values, { readonly fits: (value: unknown) => boolean; readonly what: string }>> = {
  mirror: { fits: isText, what: 'a string' },
  'security-mirror': { fits: isText, what: 'a string' },
  keys: { fits: isList, what: 'a list of strings' },
  'install-on-first-use': { fits: (value) => FIRST_USE.some((it) => it === value), what: 'ask, always or never' },
  'cache-size': { fits: (value) => typeof value === 'number' && value >= 0, what: 'a number of megabytes' },
}

function readValues(path: string): Values {
  const text = readIfAllowed(path)
  if (text === undefined) return {}
  let values: Record<string, unknown>
  try {
    values = { ...parseToml(text) }
  } catch (error) {
    throw new LangrunError('usage', `cannot read ${path}`, { cause: error })
  }
  for (const [name, value] of Object.entries(values)) {
    const known = Object.hasOwn(KNOWN, name) ? KNOWN[name as keyof Values] : undefined
    if (known?.fits(value)) continue
    const cause = `${name}: ${known === undefined ? 'there is no such setting' : `it must be ${known.what}`}`
    throw new LangrunError('usage', `cannot use ${path}`, { cause })
  }
  return values as Values
}

function readKey(key: string, path: string): string {
  if (!isAbsolute(key)) throw new LangrunError('usage', `cannot use ${path}`, { cause: `keys: "${key}" is no absolute path` })
  try {
    return readFileSync(key, 'utf8')
  } catch (error) {
    throw new LangrunError('usage', `cannot read the key ${key}`, { cause: error, hint: `it is named in ${path}` })
  }
}

function readRecipes(folder: string): Record<string, string> {
  const files = names(folder).filter((name) => name.endsWith('.toml') && !name.startsWith('.'))
  return Object.fromEntries(files.map((name) => [name.slice(0, -'.toml'.length), readIfAllowed(join(folder, name)) ?? '']))
}

function readIfAllowed(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR') || isErrno(error, 'EACCES')) return undefined
    throw error
  }
}

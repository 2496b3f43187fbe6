/**
 * Where things are and how the user wants them: read once from the environment and the configuration file.
 *
 *     # ~/.config/langrun/config.toml
 *     mirror = "http://ftp.de.debian.org/debian"
 *     security-mirror = "http://security.debian.org/debian-security"
 */

import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { parse as parseToml } from 'smol-toml'
import { isErrno, LangrunError } from '../base/error.ts'
import type { Store } from '../store/store.ts'

export interface Settings {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly isRoot: boolean
  readonly userStore: Store
  readonly systemStore: Store
  readonly cache: string
  /** Entries in the kernel's registry begin with this. */
  readonly prefix: string
  readonly profile: string
  readonly mirror: string | undefined
  readonly securityMirror: string | undefined
}

export const SYSTEM_STORE = '/var/lib/langrun'
const SYSTEM_CACHE = '/var/cache/langrun'

/** @throws LangrunError `usage` for a home that cannot be found or a configuration file that is wrong. */
export function readSettings(environment: Settings['environment'], uid: number): Settings {
  const home = environment['HOME']
  const data = folder(environment['XDG_DATA_HOME'], home, '.local/share')
  const config = readConfig(join(folder(environment['XDG_CONFIG_HOME'], home, '.config'), 'langrun', 'config.toml'))
  const systemPath = environment['LANGRUN_SYSTEM_STORE'] ?? SYSTEM_STORE
  return {
    environment,
    isRoot: uid === 0,
    userStore: { path: join(data, 'langrun'), kind: 'user' },
    systemStore: { path: systemPath, kind: 'system' },
    cache: join(folder(environment['XDG_CACHE_HOME'], home, '.cache'), 'langrun'),
    prefix: environment['LANGRUN_REGISTRY_PREFIX'] ?? 'langrun-',
    profile: environment['LANGRUN_PROFILE'] ?? 'home',
    mirror: config['mirror'],
    securityMirror: config['security-mirror'],
  }
}

/** Downloads for the system's store are root's own. */
export function cacheOf(settings: Settings, store: Store): string {
  return store.kind === 'system' && store.path === SYSTEM_STORE ? SYSTEM_CACHE : settings.cache
}

function folder(xdg: string | undefined, home: string | undefined, below: string): string {
  // A relative path is to be ignored, says the XDG Base Directory Specification.
  if (xdg !== undefined && isAbsolute(xdg)) return xdg
  if (home !== undefined && isAbsolute(home)) return join(home, below)
  throw new LangrunError('usage', 'cannot find your home folder', {
    cause: 'HOME is not set',
    hint: 'set HOME, or XDG_DATA_HOME, XDG_CACHE_HOME and XDG_CONFIG_HOME',
  })
}

const KNOWN = new Set(['mirror', 'security-mirror'])

function readConfig(path: string): Readonly<Record<string, string>> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR') || isErrno(error, 'EACCES')) return {}
    throw error
  }
  let values: Record<string, unknown>
  try {
    values = { ...parseToml(text) }
  } catch (error) {
    throw new LangrunError('usage', `cannot read ${path}`, { cause: error })
  }
  for (const [name, value] of Object.entries(values)) {
    if (KNOWN.has(name) && typeof value === 'string') continue
    throw new LangrunError('usage', `cannot use ${path}`, {
      cause: `${name}: ${KNOWN.has(name) ? 'it must be a string' : 'there is no such setting'}`,
    })
  }
  return values as Record<string, string>
}

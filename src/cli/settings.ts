/** Where things are and how the user wants them: read once from the environment and the configuration. */

import { isAbsolute, join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import type { Store } from '../store/store.ts'
import { type Config, readConfig } from './config.ts'

export interface Settings {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly isRoot: boolean
  readonly userStore: Store
  readonly systemStore: Store
  readonly cache: string
  /** Entries in the kernel's registry begin with this. */
  readonly prefix: string
  /** The host whose boot brings registrations back: `/`, but for tests and images. */
  readonly hostRoot: string
  readonly profile: string
  readonly config: Config
}

export const SYSTEM_STORE = '/var/lib/langrun'
const SYSTEM_CACHE = '/var/cache/langrun'

/** @throws LangrunError `usage` for a home that cannot be found or a configuration file that is wrong. */
export function readSettings(environment: Settings['environment'], uid: number): Settings {
  const home = environment['HOME']
  const data = folder(environment['XDG_DATA_HOME'], home, '.local/share')
  const systemPath = environment['LANGRUN_SYSTEM_STORE'] ?? SYSTEM_STORE
  return {
    environment,
    isRoot: uid === 0,
    userStore: { path: join(data, 'langrun'), kind: 'user' },
    systemStore: { path: systemPath, kind: 'system' },
    cache: join(folder(environment['XDG_CACHE_HOME'], home, '.cache'), 'langrun'),
    prefix: environment['LANGRUN_REGISTRY_PREFIX'] ?? 'langrun-',
    hostRoot: environment['LANGRUN_HOST_ROOT'] ?? '/',
    profile: environment['LANGRUN_PROFILE'] ?? 'home',
    config: readConfig(join(folder(environment['XDG_CONFIG_HOME'], home, '.config'), 'langrun'), uid),
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

/** What reaching the archive takes, for every command that installs from it: mirrors, keys, cache, connections, unpackers. */

import { type Http, openHttp } from '../base/http.ts'
import type { Progress } from '../base/progress.ts'
import { chooseMirrors } from '../debian/mirror.ts'
import type { Mirrors } from '../debian/source.ts'
import type { WorkerCode } from '../debian/unpackers.ts'
import type { Store } from '../store/store.ts'
import type { Context } from './context.ts'
import { cacheOf } from './settings.ts'
import { prepareStore } from './tools.ts'

export interface ArchiveAccess {
  readonly store: Store
  readonly launcher: string
  readonly cache: string
  readonly mirrors: Mirrors
  readonly keys: readonly string[]
  readonly http: Http
  readonly worker: WorkerCode
  readonly progress: Progress
}

/** Do `work` into `store`, which is made if need be; the connections are closed after it. @param mirror instead of the configured one */
export async function withArchive<T>(
  context: Context,
  store: Store,
  mirror: string | undefined,
  work: (access: ArchiveAccess) => Promise<T>,
): Promise<T> {
  const { settings, assets, progress } = context
  const launcher = prepareStore(context, store)
  const debian = mirror ?? settings.config.mirror
  const { securityMirror: security, keys } = settings.config
  const http = openHttp({ env: settings.environment })
  try {
    return await work({
      store,
      launcher,
      cache: cacheOf(settings, store),
      mirrors: chooseMirrors('/', { ...(debian !== undefined && { debian }), ...(security !== undefined && { security }) }),
      keys: [...assets.keys, ...keys],
      http,
      worker: { source: assets.worker },
      progress,
    })
  } finally {
    http.close()
  }
}

/** Fetches packages into `downloads/sha256/<hex>`, several at once, each verified before it gets that name. */

import { renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { explainDisk, LangrunError } from '../base/error.ts'
import { ensureFolder } from '../base/files.ts'
import type { Http } from '../base/http.ts'
import type { Progress, Step } from '../base/progress.ts'
import type { Expected } from './expected.ts'
import { fetchPart, takeOver } from './part.ts'

/** Enough to fill a line with small packages; apt uses one, browsers six a host. */
const PARALLEL = 8

export interface Wanted extends Expected {
  readonly url: string
  /** Where else it may be, in this order, if it is not there: a version leaves its mirror with the next point release. */
  readonly fallbacks?: readonly string[]
}

export interface Downloads {
  /** The path of the verified file, fetched unless it is there. What was there before is verified by who unpacks it. */
  file(wanted: Wanted): Promise<string>
  /** Forget a file that turned out to be damaged. */
  discard(wanted: Wanted): void
}

export interface DownloadOptions {
  /** The cache folder. */
  readonly cache: string
  readonly http: Http
  readonly progress: Progress
  readonly parallel?: number
  readonly signal?: AbortSignal
}

export function openDownloads({ cache, http, progress, parallel = PARALLEL, signal }: DownloadOptions): Downloads {
  const folder = join(cache, 'downloads/sha256')
  const tally = startTally(progress)
  const turns = startTurns(parallel)
  const underway = new Map<string, Promise<string>>()
  ensureFolder(folder)

  async function fetch(wanted: Wanted, path: string): Promise<string> {
    const account = tally.open(wanted.size)
    const release = await turns.take()
    try {
      const part = takeOver(folder, wanted.sha256)
      await fetchFromAny(part, wanted, { http, signal, onSize: account.update })
      renameSync(part, path)
      return path
    } catch (error) {
      throw explainDisk(error, `cannot save ${path}`)
    } finally {
      account.close()
      release()
    }
  }

  return {
    file(wanted) {
      const path = join(folder, wanted.sha256)
      if (sizeOf(path) === wanted.size) return Promise.resolve(path)
      let fetching = underway.get(path)
      if (fetching === undefined) {
        fetching = fetch(wanted, path).finally(() => underway.delete(path))
        underway.set(path, fetching)
      }
      return fetching
    },
    discard: (wanted) => rmSync(join(folder, wanted.sha256), { force: true }),
  }
}

async function fetchFromAny(part: string, wanted: Wanted, options: FetchOptions): Promise<void> {
  const { http, signal } = options
  const addresses = [wanted.url, ...(wanted.fallbacks ?? [])]
  for (const url of addresses) {
    try {
      return await http.retry(() => fetchPart(part, url, wanted, options), signal)
    } catch (error) {
      if (!(error instanceof LangrunError) || error.code !== 'not-found') throw error
      if (url !== addresses.at(-1)) continue
      throw new LangrunError('not-found', error.message, {
        cause: error.cause,
        hint: 'this version may have left the mirror: update, so that the newest is used',
      })
    }
  }
}

type FetchOptions = Parameters<typeof fetchPart>[3]

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size
}

/** At most `count` at a time; who waits longest is next. */
function startTurns(count: number): { take(): Promise<() => void> } {
  const waiting: (() => void)[] = []
  let free = count
  const give = () => {
    const next = waiting.shift()
    if (next) next()
    else free++
  }
  return {
    async take() {
      if (free > 0) free--
      else await new Promise<void>((resolve) => waiting.push(resolve))
      return give
    },
  }
}

interface Account {
  update(size: number): void
  close(): void
}

/** One step of progress for all files that are on the way together. */
function startTally(progress: Progress): { open(size: number): Account } {
  let step: Step | undefined
  let [done, total, open] = [0, 0, 0]
  return {
    open(size) {
      step ??= progress.begin('download')
      total += size
      open++
      let last = 0
      const update = (now: number) => {
        done += now - last
        last = now
        step?.update(done, total)
      }
      return {
        update,
        close() {
          if (--open > 0) return
          step?.end()
          step = undefined
          ;[done, total] = [0, 0]
        },
      }
    },
  }
}

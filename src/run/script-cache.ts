/**
 * What is kept for scripts, and how it stays small: the least recently used goes first once there is too much.
 *
 * A use is an access to the script's plan. File systems note it at most once a day (relatime), which is exact enough for this.
 */

import { lstatSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { names } from '../store/store.ts'

export interface Entry {
  /** `<name>-<hash>`. */
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly used: number
}

/** Every script that has something in the cache, the least recently used first. @param cache langrun's cache folder */
export function listEntries(cache: string): Entry[] {
  const keys = new Set([
    ...names(join(cache, 'scripts'))
      .filter((name) => name.endsWith('.plan'))
      .map((name) => name.slice(0, -'.plan'.length)),
    ...names(join(cache, 'compiled')).filter((name) => !name.startsWith('.') && !name.endsWith('.lock')),
  ])
  return [...keys].map((key) => describe(cache, key)).sort((a, b) => a.used - b.used)
}

export function removeEntry(cache: string, key: string): void {
  // The plan first: without it nobody looks for the rest.
  rmSync(join(cache, 'scripts', `${key}.plan`), { force: true })
  rmSync(join(cache, 'compiled', key), { recursive: true, force: true })
  rmSync(join(cache, 'compiled', `${key}.lock`), { force: true })
}

/** Remove the least recently used until all fits into `limit` bytes. @param keep an entry that stays whatever its size */
export function evict(cache: string, limit: number, keep: string): void {
  const entries = listEntries(cache)
  let total = entries.reduce((sum, { size }) => sum + size, 0)
  for (const { key, size } of entries) {
    if (total <= limit) return
    if (key === keep) continue
    removeEntry(cache, key)
    total -= size
  }
}

function describe(cache: string, key: string): Entry {
  const plan = statSync(join(cache, 'scripts', `${key}.plan`), { throwIfNoEntry: false })
  const result = join(cache, 'compiled', key)
  return { key, size: (plan?.size ?? 0) + sizeOf(result), used: plan?.atimeMs ?? 0 }
}

function sizeOf(path: string): number {
  const info = lstatSync(path, { throwIfNoEntry: false })
  if (info === undefined) return 0
  if (!info.isDirectory()) return info.size
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
}

/** Garbage collection: images that no language names and no process uses, roots that no plan names and no process uses, packages that neither an image nor an architecture's libraries were made of. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readIfThere } from '../base/files.ts'
import { listEmulated } from './emulators.ts'
import { listImages, listInstalled, names, type Store } from './store.ts'
import { discard } from './transaction.ts'

export interface Collected {
  readonly images: readonly string[]
  readonly packages: readonly string[]
}

/** Only for who holds the lock. */
export function collect(store: Store): Collected {
  const named = new Set(listInstalled(store).map(({ image }) => image))
  const isUsed = foldersInUse()
  const images = names(join(store.path, 'images')).filter((digest) => !named.has(digest) && !isUsed(`/images/${digest}/rootfs`))
  for (const digest of images) discard(store, join(store.path, 'images', digest))
  const planned = plansOf(store)
  const isPlanned = (digest: string): boolean => planned.some((plan) => plan.includes(`/roots/${digest}\0`))
  // A running script's would take what is mounted on it along (rmdir(2) detaches that in all namespaces).
  for (const digest of names(join(store.path, 'roots')).filter((it) => !isPlanned(it) && !isUsed(`/roots/${it}`)))
    discard(store, join(store.path, 'roots', digest))
  const needing = [...listImages(store).map(({ packages }) => packages), ...listEmulated(store).map(({ libraries }) => libraries)]
  const needed = new Set(needing.flat().map(({ sha256 }) => sha256))
  const packages = names(join(store.path, 'packages')).filter((sha256) => !needed.has(sha256))
  for (const sha256 of packages) discard(store, join(store.path, 'packages', sha256))
  return { images, packages }
}

/**
 * Whether a running process has a folder of the store mounted: the kernel shows the source of every bind mount, as a path within its file system.
 * Processes of other users cannot be asked by an ordinary user; they do not run what is in this user's store.
 */
function foldersInUse(): (path: string) => boolean {
  const mounts = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(mountsOf)
  return (path) => mounts.some((text) => text.includes(path))
}

/** As bytes: what a plan says is for higher ranks. */
function plansOf(store: Store): string[] {
  return names(join(store.path, 'plans')).map((name) => readIfThere(join(store.path, 'plans', name)) ?? '')
}

function mountsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
  } catch {
    return ''
  }
}

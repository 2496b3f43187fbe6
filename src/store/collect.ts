/** Garbage collection: images that no language names and no process uses, packages that neither an image nor an architecture's libraries were made of. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
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
  const isUsed = imagesInUse()
  const images = names(join(store.path, 'images')).filter((digest) => !named.has(digest) && !isUsed(digest))
  for (const digest of images) discard(store, join(store.path, 'images', digest))
  const needing = [...listImages(store).map(({ packages }) => packages), ...listEmulated(store).map(({ libraries }) => libraries)]
  const needed = new Set(needing.flat().map(({ sha256 }) => sha256))
  const packages = names(join(store.path, 'packages')).filter((sha256) => !needed.has(sha256))
  for (const sha256 of packages) discard(store, join(store.path, 'packages', sha256))
  return { images, packages }
}

/**
 * Whether a running process has an image mounted: the kernel shows the source of every bind mount, as a path within its file system.
 * Processes of other users cannot be asked by an ordinary user; they do not run what is in this user's store.
 */
function imagesInUse(): (digest: string) => boolean {
  const mounts = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(mountsOf)
  return (digest) => mounts.some((text) => text.includes(`/images/${digest}/rootfs`))
}

function mountsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
  } catch {
    return ''
  }
}

/**
 * Packages in the store, unpacked once and shared by every image:
 *
 *     packages/<sha256 of the .deb>/root/          its files
 *     packages/<sha256 of the .deb>/package.json   name, version, entries, scripts
 */

import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import { removeTree } from '../base/files.ts'
import type { Progress } from '../base/progress.ts'
import type { Downloads } from '../debian/download.ts'
import type { Package } from '../debian/package.ts'
import { obtain, type Unpackers } from '../debian/unpackers.ts'
import type { Store } from '../store/store.ts'
import { commit, discard, stage } from '../store/transaction.ts'
import type { Tree, TreeEntry } from './assemble.ts'
import type { Configurable } from './configure.ts'

export interface StoredPackage extends Tree {
  readonly version: string
  readonly scripts: Configurable['scripts']
}

/** Get packages into the store that are not there: each is unpacked as soon as it has arrived. */
export async function storePackages(
  store: Store,
  packages: readonly Package[],
  downloads: Downloads,
  unpackers: Unpackers,
  progress: Progress,
): Promise<void> {
  const missing = packages.filter((it) => !existsSync(placeOf(store, it.sha256)))
  if (missing.length === 0) return
  const staged = stage(store, 'packages')
  const step = progress.begin(`unpacking ${missing.length} packages`, missing.length)
  let done = 0
  try {
    await Promise.all(
      missing.map(async (wanted) => {
        const folder = join(staged, wanted.sha256)
        const { entries, scripts } = await obtain(wanted, folder, downloads, unpackers)
        const described = { version: 1, name: wanted.name, packageVersion: wanted.version, entries, scripts }
        writeFileSync(join(folder, 'package.json'), JSON.stringify(described))
        commit(folder, placeOf(store, wanted.sha256))
        step.update(++done)
      }),
    )
    step.end()
  } finally {
    removeTree(staged)
  }
}

/** Remove those packages that lack files, or have cut-off ones: a power cut can do that to what was not yet on the disk. */
export function dropDamaged(store: Store, packages: readonly Package[]): void {
  for (const wanted of packages) if (!isIntact(store, wanted)) discard(store, placeOf(store, wanted.sha256))
}

function isIntact(store: Store, wanted: Package): boolean {
  try {
    const { root, entries } = readPackage(store, wanted)
    return entries.every(({ path, type, size }) => {
      const info = lstatSync(join(root, path), { throwIfNoEntry: false })
      if (type === 'file') return info?.isFile() === true && info.size === size
      return type === 'dir' ? info?.isDirectory() === true : info?.isSymbolicLink() === true
    })
  } catch {
    return false
  }
}

/** @throws LangrunError `damaged` */
export function readPackage(store: Store, { sha256, name }: Pick<Package, 'name'> & { readonly sha256: string }): StoredPackage {
  const folder = placeOf(store, sha256)
  try {
    const { packageVersion, entries, scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return { name, version: packageVersion, root: join(folder, 'root'), entries: entries as TreeEntry[], scripts }
  } catch (error) {
    throw new LangrunError('damaged', `cannot read the package ${name} in the store`, {
      cause: error,
      hint: 'install the language again',
    })
  }
}

function placeOf(store: Store, sha256: string): string {
  return join(store.path, 'packages', sha256)
}

/**
 * Packages in the store, unpacked once and shared by every image:
 *
 *     packages/<sha256 of the .deb>/root/          its files
 *     packages/<sha256 of the .deb>/package.json   name, version, entries, scripts
 */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import type { Progress } from '../base/progress.ts'
import type { Downloads } from '../debian/download.ts'
import type { Package } from '../debian/package.ts'
import { obtain, type Unpackers } from '../debian/unpackers.ts'
import type { Store } from '../store/store.ts'
import { commit, stage } from '../store/transaction.ts'
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
    rmSync(staged, { recursive: true, force: true })
  }
}

/** @throws LangrunError `damaged` */
export function readPackage(store: Store, { sha256, name }: Package): StoredPackage {
  const folder = placeOf(store, sha256)
  try {
    const { packageVersion, entries, scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return { name, version: packageVersion, root: join(folder, 'root'), entries: entries as TreeEntry[], scripts }
  } catch (error) {
    throw new LangrunError('damaged', `cannot read the package ${name} in the store`, {
      cause: error,
      hint: `rm -rf ${folder}, then try again`,
    })
  }
}

function placeOf(store: Store, sha256: string): string {
  return join(store.path, 'packages', sha256)
}

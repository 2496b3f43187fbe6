/**
 * One image: the closure of its packages, unpacked, assembled, configured, described, and put into the store under its digest.
 *
 * An image is found again by its key, the digest of all that it is made of, without being made.
 */

import { type Stats, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../base/digest.ts'
import { explainDisk, LangrunError } from '../base/error.ts'
import { readIfThere, removeTree } from '../base/files.ts'
import type { Progress } from '../base/progress.ts'
import type { ImageRecipe } from '../catalogue/recipe.ts'
import type { Package } from '../debian/package.ts'
import { type ImageInfo, listImages, type Store } from '../store/store.ts'
import { commit, discard, stage } from '../store/transaction.ts'
import { assemble, type Origins } from './assemble.ts'
import { configure, type StandIns } from './configure.ts'
import { finish } from './finish.ts'
import { describeTree, isWhole, type Manifest } from './manifest.ts'
import type { StoredPackage } from './packages.ts'

/** Changes whenever images are made differently of the same packages. */
const BUILD_VERSION = 3

export interface BuildInput {
  readonly store: Store
  readonly recipe: ImageRecipe
  readonly architecture: string
  /** The line that registers the emulator of a foreign architecture. */
  readonly emulator: string | undefined
  /** In the order in which their maintainer scripts run. */
  readonly packages: readonly Package[]
  readonly launcher: string
  readonly standIns: StandIns
  readonly progress: Progress
}

/** What an image of these packages is called before it is made. */
export function imageKey({
  recipe,
  architecture,
  packages,
  standIns,
}: Omit<BuildInput, 'store' | 'launcher' | 'progress' | 'emulator'>): string {
  const parts = [BUILD_VERSION, architecture, packages.map((it) => it.sha256), recipe.setup ?? null, sha256(JSON.stringify(standIns))]
  return sha256(JSON.stringify(parts))
}

/** The image with that key, if it is there whole. */
export function findImage(store: Store, key: string): ImageInfo | undefined {
  return listImages(store).find((image) => image.key === key && isThere(placeOf(store, image.digest), image.digest))
}

function isThere(place: string, digest: string): boolean {
  const text = readIfThere(join(place, 'manifest'))
  return text !== undefined && sha256(text) === digest && isWhole(join(place, 'rootfs'), text)
}

function placeOf(store: Store, digest: string): string {
  return join(store.path, 'images', digest)
}

/** @throws LangrunError `failed` if a package's script fails, `damaged` if a package in the store lacks files or has others. */
export async function buildImage(input: BuildInput, stored: readonly StoredPackage[]): Promise<ImageInfo> {
  const { store, recipe, architecture, launcher, standIns } = input
  const staged = stage(store, `image-${recipe.name}`)
  const work = stage(store, `configure-${recipe.name}`)
  const step = input.progress.begin(`configuring ${recipe.name}`)
  try {
    const rootfs = join(staged, 'rootfs')
    const origins = assemble(stored, rootfs)
    await configure({
      packages: stored.map(configurable),
      rootfs,
      work,
      launcher,
      architecture,
      emulator: input.emulator,
      standIns,
      setup: recipe.setup,
      progress: step,
    })
    finish(rootfs)
    const manifest = describeTree(rootfs, knownDigests(recipe.name, origins))
    const info = describe(input, manifest, imageKey(input))
    writeFileSync(join(staged, 'manifest'), manifest.text)
    writeFileSync(join(staged, 'image.json'), `${JSON.stringify(info, null, 2)}\n`)
    const place = placeOf(store, manifest.digest)
    // What somebody damaged is no reason to keep it; running scripts have lost what is missing already.
    if (!isThere(place, manifest.digest)) discard(store, place)
    commit(staged, place)
    return info
  } catch (error) {
    throw explainDisk(error, `cannot build the image ${recipe.name}`)
  } finally {
    step.end()
    for (const folder of [work, staged]) removeTree(folder)
  }
}

function configurable({ name, version, scripts, entries }: StoredPackage): Parameters<typeof configure>[0]['packages'][number] {
  return { name, version, scripts, paths: entries.map(({ path }) => path) }
}

function describe({ recipe, architecture, packages }: BuildInput, manifest: Manifest, key: string): ImageInfo {
  return {
    version: 1,
    digest: manifest.digest,
    name: recipe.name,
    suite: recipe.suite,
    architecture,
    key,
    packages: packages.map(({ name, version, sha256: digest }) => ({ name, version, sha256: digest })),
    size: manifest.size,
    files: manifest.files,
  }
}

/**
 * A file that still has its package's size and time has its package's content: linked files are not read again.
 *
 * @throws LangrunError `damaged` if a script wrote into a file that the image shares with the store's package, and so with other images
 */
function knownDigests(image: string, origins: Origins): (path: string, info: Stats) => string | undefined {
  return (path, info) => {
    const origin = origins.get(path)
    if (origin?.type !== 'file') return undefined
    if (origin.size === info.size && origin.mtime * 1000 === info.mtimeMs) return origin.sha256
    if (info.nlink === 1) return undefined
    throw new LangrunError('damaged', `cannot build the image ${image}`, {
      cause: `/${path} is not as its package has it: a maintainer script changed it in place, which would change it for every image`,
      hint: 'this is a bug in the recipe: its package needs a copy of that file; please report it',
    })
  }
}

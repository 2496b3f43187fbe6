/**
 * Install languages: resolve, download, unpack, build, publish. All of them together, so that what they share is fetched once.
 *
 * Until the last step nothing of it can be seen; then each language appears by the rename of its plan.
 */

import { explainDisk, LangrunError } from '../base/error.ts'
import type { Http } from '../base/http.ts'
import { type Progress, silent } from '../base/progress.ts'
import { hostArchitecture } from '../catalogue/architecture.ts'
import { type Catalogue, imageOf } from '../catalogue/catalogue.ts'
import type { ImageRecipe, Language } from '../catalogue/recipe.ts'
import { type Archive, openArchive } from '../debian/archive.ts'
import { openDownloads } from '../debian/download.ts'
import type { Package } from '../debian/package.ts'
import { resolve } from '../debian/resolve.ts'
import { expandSuite, type Mirrors } from '../debian/source.ts'
import { startUnpackers, type Unpackers, type WorkerCode } from '../debian/unpackers.ts'
import { emulatorLine } from '../plan/emulation.ts'
import { linkExtensions, publish } from '../plan/publish.ts'
import { lockStore } from '../store/lock.ts'
import { forgetDamaged, type ImageInfo, listInstalled, readInstalled, type Store, writeInstalled } from '../store/store.ts'
import { sweep, syncStore } from '../store/transaction.ts'
import type { StandIns } from './configure.ts'
import { type BuildInput, buildImage, findImage, imageKey } from './image.ts'
import { dropDamaged, readPackage, storePackages } from './packages.ts'

export interface InstallInput {
  readonly catalogue: Catalogue
  readonly languages: readonly Language[]
  /** Made already, with its launcher. */
  readonly store: Store
  readonly launcher: string
  /** The path of the system store, for the runners. */
  readonly system: string
  readonly cache: string
  readonly mirrors: Mirrors
  readonly keys: readonly string[]
  readonly http: Http
  readonly standIns: StandIns
  readonly worker: WorkerCode
  readonly progress: Progress
  /** Leave out what is installed once the lock is ours: for a hundred processes that want the same at once. */
  readonly unlessThere?: boolean
}

export interface InstallResult {
  readonly language: Language
  readonly image: ImageInfo
  /** False if the very same was installed before. */
  readonly changed: boolean
}

/** Images built at the same time: one assembles while another's scripts run. */
const AT_ONCE = 2
/** Threads that decode; more of them share the memory's speed. */
const UNPACKERS = 2

export async function install(input: InstallInput): Promise<InstallResult[]> {
  const { store, launcher, catalogue } = input
  await using _lock = await lockStore(store, launcher, input.progress)
  const languages = input.languages.filter(({ name }) => input.unlessThere !== true || readInstalled(store, name) === undefined)
  if (languages.length === 0) return []
  sweep(store)
  // Those that are about to be written anew may be damaged; any other would keep the endings from being linked in the end.
  for (const { name } of languages) forgetDamaged(store, name)
  listInstalled(store)
  const native = hostArchitecture(process.arch)
  const images = new Map<string, Map<string, ImageInfo>>()
  for (const architecture of new Set(languages.map((it) => it.architecture ?? native))) {
    const wanted = languages.filter((it) => (it.architecture ?? native) === architecture)
    const recipes = [...new Set(wanted.map((language) => imageOf(catalogue, language)))]
    images.set(architecture, await makeImages(input, recipes, architecture))
  }
  syncStore(store, launcher)
  const results = languages.map((language): InstallResult => {
    const image = images.get(language.architecture ?? native)!.get(language.image)!
    const changed = readInstalled(store, language.name)?.image !== image.digest
    writeInstalled(store, { version: 1, name: language.name, image: image.digest, recipe: { ...language, examples: undefined } })
    publish(store, language, image.digest, input.system)
    return { language, image, changed }
  })
  linkExtensions(store, catalogue)
  return results
}

/** @returns recipe's name → image */
async function makeImages(input: InstallInput, recipes: readonly ImageRecipe[], architecture: string): Promise<Map<string, ImageInfo>> {
  const { store, standIns, launcher, progress } = input
  const emulator = emulatorLine(store, architecture === hostArchitecture(process.arch) ? undefined : architecture)
  // Threads take as long to start as the index takes to come.
  await using unpackers = startUnpackers({ worker: input.worker, count: UNPACKERS })
  const closures = await resolveAll(input, recipes, architecture)
  const images = new Map<string, ImageInfo>()
  const missing = recipes.flatMap((recipe) => {
    const packages = closures.get(recipe.name)!
    const build = { store, recipe, architecture, emulator, packages, launcher, standIns, progress }
    const found = findImage(store, imageKey(build))
    if (found !== undefined) images.set(recipe.name, found)
    return found === undefined ? [build] : []
  })
  if (missing.length === 0) return images
  const packages = [...new Map(missing.flatMap((it) => it.packages).map((it) => [it.sha256, it])).values()]
  await fetchAll(input, unpackers, packages)
  try {
    await buildAll(missing, images)
  } catch (error) {
    if (!(error instanceof LangrunError) || error.code !== 'damaged') throw error
    dropDamaged(store, packages)
    await fetchAll(input, unpackers, packages)
    await buildAll(
      missing.filter(({ recipe }) => !images.has(recipe.name)),
      images,
    )
  }
  return images
}

/** @param images is told of each that is ready: recipe's name → image */
async function buildAll(builds: readonly BuildInput[], images: Map<string, ImageInfo>): Promise<void> {
  const queue = [...builds]
  const work = async (): Promise<void> => {
    for (let build = queue.shift(); build !== undefined; build = queue.shift()) {
      const { store, packages } = build
      const stored = packages.map((it) => readPackage(store, it))
      images.set(build.recipe.name, await buildImage(build, stored))
    }
  }
  const ends = await Promise.allSettled(
    Array.from({ length: AT_ONCE }, () =>
      work().catch((error) => {
        queue.length = 0
        throw error
      }),
    ),
  )
  // Only now that nothing is under way any more: the lock is given back with this error.
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

async function resolveAll(
  input: InstallInput,
  recipes: readonly ImageRecipe[],
  architecture: string,
): Promise<Map<string, readonly Package[]>> {
  const { base } = input.catalogue
  const closures = new Map<string, readonly Package[]>()
  for (const suite of new Set(recipes.map((recipe) => recipe.suite))) {
    const archive = await openSuite(input, suite, architecture)
    try {
      for (const recipe of recipes.filter((it) => it.suite === suite)) {
        const without = new Set([...base.without, ...recipe.without])
        closures.set(recipe.name, resolve(archive, [...base.packages, ...recipe.packages], { without }))
      }
    } finally {
      await archive[Symbol.asyncDispose]()
    }
  }
  return closures
}

async function openSuite({ mirrors, keys, cache, http, progress }: InstallInput, suite: string, architecture: string): Promise<Archive> {
  const sources = expandSuite(suite, mirrors, keys)
  try {
    return await openArchive({ sources, architecture, cache, http, progress, offline: 'fallback' })
  } catch (error) {
    throw explainDisk(error, `cannot write the cache ${cache}`)
  }
}

async function fetchAll({ store, cache, http, progress }: InstallInput, unpackers: Unpackers, packages: readonly Package[]): Promise<void> {
  try {
    const downloads = openDownloads({ cache, http, progress })
    await storePackages(store, packages, downloads, unpackers, silent)
  } catch (error) {
    throw explainDisk(error, `cannot unpack packages into ${store.path}`)
  }
}

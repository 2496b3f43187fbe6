/**
 * Foreign architectures: the emulator from Debian's qemu-user, and the C library of each architecture.
 *
 * Static programs need the emulator alone. Dynamic ones name their loader by an absolute path of their own architecture's systems
 * (/lib/ld-linux-aarch64.so.1); QEMU looks for it, and for every file that the program opens, below a prefix first. The prefix that
 * is compiled in (/usr/gnemul/…) is replaced by the store's: no folder of the host changes, QEMU_LD_PREFIX need not be set and is
 * honoured if it is, and in a chroot or a container, where the store is not, the program's own root is used.
 *
 * Only libraries are in that root: a program that asks for /etc/passwd gets the host's.
 */

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { sha256 } from '../base/digest.ts'
import { LangrunError } from '../base/error.ts'
import { ensureFolder, replaceFile, replaceLink } from '../base/files.ts'
import type { Http } from '../base/http.ts'
import { type Progress, silent } from '../base/progress.ts'
import { type Architecture, type ArchitectureName, hostArchitecture } from '../catalogue/architecture.ts'
import { openArchive } from '../debian/archive.ts'
import { openDownloads } from '../debian/download.ts'
import type { Package } from '../debian/package.ts'
import { resolve } from '../debian/resolve.ts'
import { expandSuite, type Mirrors } from '../debian/source.ts'
import { obtain, startUnpackers, type WorkerCode } from '../debian/unpackers.ts'
import { collect } from '../store/collect.ts'
import {
  type Emulated,
  emulatorPath,
  emulatorRoot,
  listEmulated,
  readEmulated,
  removeEmulated,
  type StoredPackageName,
  writeEmulated,
} from '../store/emulators.ts'
import { lockStore } from '../store/lock.ts'
import { names, type Store } from '../store/store.ts'
import { commit, stage, sweep, syncStore } from '../store/transaction.ts'
import { assemble } from './assemble.ts'
import { replaceString } from './elf-string.ts'
import { readPackage, storePackages } from './packages.ts'

export interface EmulateInput {
  readonly architectures: readonly Architecture[]
  readonly suite: string
  /** Made already, with its launcher. */
  readonly store: Store
  readonly launcher: string
  readonly cache: string
  readonly mirrors: Mirrors
  readonly keys: readonly string[]
  readonly http: Http
  readonly worker: WorkerCode
  readonly progress: Progress
}

/** What nearly every dynamic program is linked with. */
const LIBRARIES = ['libc6', 'libgcc-s1', 'libstdc++6', 'libatomic1', 'libgomp1', 'zlib1g', 'libcrypt1', 'libtinfo6'] as const
/** Packages that libraries depend on, and that have no library. */
const WITHOUT: ReadonlySet<string> = new Set(['debconf', 'debconf-2.0', 'libc-l10n', 'tzdata'])

/** Add architectures to a store, or bring them up to date. @returns what is there now, in the order asked for */
export async function addArchitectures(input: EmulateInput): Promise<Emulated[]> {
  const { store, launcher, architectures, cache, http, worker, progress } = input
  await using _lock = await lockStore(store, launcher, progress)
  sweep(store)
  ensureFolder(join(store.path, 'emulators'))
  const emulator = await findEmulator(input)
  const libraries = new Map<ArchitectureName, readonly Package[]>()
  for (const { name } of architectures) libraries.set(name, await findLibraries(input, name))

  const downloads = openDownloads({ cache, http, progress })
  await using unpackers = startUnpackers({ worker, count: 2 })
  const wanted = architectures.filter((it) => !isCurrent(store, it, emulator))
  await Promise.all([
    storePackages(store, [...libraries.values()].flat(), downloads, unpackers, silent),
    wanted.length === 0
      ? undefined
      : placeEmulators(input, wanted, async (folder, only) => void (await obtain(emulator, folder, downloads, unpackers, only))),
  ])
  const added = architectures.map(({ name }): Emulated => {
    return { version: 1, architecture: name, emulator: named(emulator), libraries: libraries.get(name)!.map(named) }
  })
  const others = listEmulated(store).filter(({ architecture }) => !added.some((it) => it.architecture === architecture))
  placeRoot(store, [...others, ...added])
  syncStore(store, launcher)
  for (const emulated of added) writeEmulated(store, emulated)
  return added
}

/** Remove architectures, and what only they needed. */
export async function removeArchitectures({
  store,
  launcher,
  architectures,
  progress,
}: Pick<EmulateInput, 'store' | 'launcher' | 'architectures' | 'progress'>): Promise<void> {
  await using _lock = await lockStore(store, launcher, progress)
  sweep(store)
  for (const architecture of architectures) removeEmulated(store, architecture)
  placeRoot(store, listEmulated(store))
  collect(store)
}

async function findEmulator(input: EmulateInput): Promise<Package> {
  const archive = await openSuite(input, hostArchitecture(process.arch))
  try {
    const found = archive.find('qemu-user')[0]
    if (found !== undefined) return found
    throw new LangrunError('not-found', `cannot find the package qemu-user in ${input.suite}`)
  } finally {
    await archive[Symbol.asyncDispose]()
  }
}

async function findLibraries(input: EmulateInput, architecture: ArchitectureName): Promise<readonly Package[]> {
  const archive = await openSuite(input, architecture)
  try {
    return resolve(archive, LIBRARIES, { without: WITHOUT })
  } finally {
    await archive[Symbol.asyncDispose]()
  }
}

function openSuite({ suite, mirrors, keys, cache, http, progress }: EmulateInput, architecture: ArchitectureName) {
  return openArchive({ sources: expandSuite(suite, mirrors, keys), architecture, cache, http, progress, offline: 'fallback' })
}

function isCurrent(store: Store, architecture: Architecture, { sha256: digest }: Package): boolean {
  return readEmulated(store, architecture.name)?.emulator.sha256 === digest && existsSync(emulatorPath(store, architecture))
}

/** @param unpack writes only these files of the package, which has thirty emulators of 15 MB */
async function placeEmulators(
  { store, progress }: EmulateInput,
  architectures: readonly Architecture[],
  unpack: (folder: string, only: readonly string[]) => Promise<void>,
): Promise<void> {
  const staged = stage(store, 'emulators')
  const step = progress.begin(`unpacking ${architectures.length === 1 ? 'the emulator' : `${architectures.length} emulators`}`)
  try {
    const fileOf = ({ qemu }: Architecture): string => `usr/bin/qemu-${qemu}`
    await unpack(staged, architectures.map(fileOf))
    for (const architecture of architectures) {
      const program = readFileSync(join(staged, 'root', fileOf(architecture)))
      const changed = replaceString(program, `/usr/gnemul/qemu-${architecture.qemu}`, emulatorRoot(store))
      replaceFile(emulatorPath(store, architecture), changed, 0o755)
    }
    step.end()
  } finally {
    rmSync(staged, { recursive: true, force: true })
  }
}

const IS_LIBRARY = /^usr\/lib(32|64|x32)?\//

/** One root for all: Debian keeps each architecture's libraries in a folder of its own, and their loaders differ in name. */
function placeRoot(store: Store, all: readonly Emulated[]): void {
  const packages = all.flatMap(({ libraries }) => libraries)
  const key = sha256(JSON.stringify(packages.map(({ sha256: digest }) => digest).sort()))
  const place = join(store.path, 'emulators/roots', key)
  if (!existsSync(place)) {
    const staged = stage(store, 'foreign-root')
    const root = join(staged, 'root')
    assemble(
      packages.map((it) => {
        const stored = readPackage(store, it)
        return { ...stored, entries: stored.entries.filter(({ path }) => IS_LIBRARY.test(path)) }
      }),
      root,
    )
    for (const name of ['lib', 'lib64']) {
      mkdirSync(join(root, 'usr', name), { recursive: true })
      symlinkSync(`usr/${name}`, join(root, name))
    }
    chmodSync(root, 0o755)
    commit(root, place)
    rmSync(staged, { recursive: true, force: true })
  }
  replaceLink(emulatorRoot(store), join('roots', basename(place)))
  for (const name of names(join(store.path, 'emulators/roots')))
    if (name !== key) rmSync(join(store.path, 'emulators/roots', name), { recursive: true })
}

function named({ name, version, sha256: digest }: Package): StoredPackageName {
  return { name, version, sha256: digest }
}

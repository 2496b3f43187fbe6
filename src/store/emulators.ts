/**
 * Foreign architectures in a store:
 *
 *     emulators/<architecture>.json        what was added: the emulator's version, the packages of its libraries
 *     emulators/<qemu's name>-binfmt-P     the emulator, static; its name is Debian's, from which it knows that argv[0] is kept
 *     emulators/roots/<key>/               the C library and its like of all added architectures, each in folders of its own
 *     emulators/root                       a link to the current one of these: where the emulators look first
 */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readIfThere, replaceFile } from '../base/files.ts'
import { type Architecture, parseArchitecture } from '../catalogue/architecture.ts'
import { names, type Store } from './store.ts'

export interface Emulated {
  readonly version: 1
  readonly architecture: string
  readonly emulator: StoredPackageName
  /** Whose files are in the root. */
  readonly libraries: readonly StoredPackageName[]
}

export interface StoredPackageName {
  readonly name: string
  readonly version: string
  readonly sha256: string
}

export function emulatorPath(store: Store, { qemu }: Architecture): string {
  return join(store.path, 'emulators', `${qemu}-binfmt-P`)
}

/** Where emulators look for a file before they look where it is. */
export function emulatorRoot(store: Store): string {
  return join(store.path, 'emulators/root')
}

export function readEmulated(store: Store, architecture: string): Emulated | undefined {
  const text = readIfThere(placeOf(store, architecture))
  return text === undefined ? undefined : (JSON.parse(text) as Emulated)
}

export function writeEmulated(store: Store, emulated: Emulated): void {
  replaceFile(placeOf(store, emulated.architecture), `${JSON.stringify(emulated, null, 2)}\n`)
}

export function removeEmulated(store: Store, architecture: Architecture): void {
  rmSync(placeOf(store, architecture.name), { force: true })
  rmSync(emulatorPath(store, architecture), { force: true })
}

export function listEmulated(store: Store): Emulated[] {
  return names(join(store.path, 'emulators'))
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .flatMap((name) => readEmulated(store, name.slice(0, -'.json'.length)) ?? [])
}

/** The architectures that a store has. */
export function addedArchitectures(store: Store): Architecture[] {
  return listEmulated(store).map(({ architecture }) => parseArchitecture(architecture))
}

function placeOf(store: Store, architecture: string): string {
  return join(store.path, 'emulators', `${architecture}.json`)
}

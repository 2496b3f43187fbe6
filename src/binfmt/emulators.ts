/** Entries for foreign architectures: each emulator by the magic of its programs. */

import type { Architecture } from '../catalogue/architecture.ts'
import { addedArchitectures, emulatorPath } from '../store/emulators.ts'
import type { Store } from '../store/store.ts'
import { magicLine } from './registry.ts'

export interface NamedLine {
  readonly name: string
  readonly line: string
}

/** The entry of an architecture's emulator: `langrun-qemu-aarch64`. */
export function emulatorEntry(store: Store, prefix: string, architecture: Architecture): NamedLine {
  const name = emulatorName(prefix, architecture)
  return { name, line: magicLine(name, architecture.magic, emulatorPath(store, architecture)) }
}

export function emulatorName(prefix: string, { qemu }: Architecture): string {
  return `${prefix}qemu-${qemu}`
}

/** The entries of all architectures of these stores, the first store's before others'. */
export function emulatorEntries(stores: readonly Store[], prefix: string): NamedLine[] {
  const entries = new Map<string, NamedLine>()
  for (const store of stores) {
    for (const architecture of addedArchitectures(store)) {
      if (!entries.has(architecture.name)) entries.set(architecture.name, emulatorEntry(store, prefix, architecture))
    }
  }
  return [...entries.values()]
}

/** `arch add`, `arch remove`, `arch list`: programs of foreign architectures. */

import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import { parseDefinition } from '../binfmt/definition.ts'
import { emulatorEntries, emulatorEntry, emulatorName } from '../binfmt/emulators.ts'
import { ARCH_GROUP } from '../binfmt/paper.ts'
import { forget, persist } from '../binfmt/persist.ts'
import { type Entry, listEntries, remove } from '../binfmt/registry.ts'
import { registerLines } from '../binfmt/system.ts'
import { addArchitectures, removeArchitectures } from '../build/emulate.ts'
import { type Architecture, foreignArchitectures, hostArchitecture, parseArchitecture } from '../catalogue/architecture.ts'
import { readKernel } from '../host/kernel.ts'
import { type Emulated, readEmulated } from '../store/emulators.ts'
import { listInstalled, type Store } from '../store/store.ts'
import { withArchive } from './archive-access.ts'
import { type Context, chosenStore, stores } from './context.ts'
import { table } from './output.ts'
import { persistenceOf } from './persistence.ts'
import { prepareStore } from './tools.ts'

export interface ArchOptions {
  readonly all?: boolean
  readonly mirror?: string
}

/** Root adds for the whole machine and registers; everybody else adds for their own `langrun shell`. */
export async function addArch(context: Context, names: readonly string[], options: ArchOptions): Promise<void> {
  const { settings } = context
  const store = chosenStore(context, settings.isRoot)
  prepareStore(context, store)
  const asked = choose(names, options)
  const native = asked.filter((it) => it.name === 'i386' && runsI386(context, store))
  const architectures = asked.filter((it) => !native.includes(it))
  const entries = architectures.map((architecture) => emulatorEntry(store, settings.prefix, architecture))
  const added = architectures.length === 0 ? [] : await bringArchitectures(context, store, architectures, options.mirror)
  if (settings.isRoot) {
    persist(
      persistenceOf(context),
      ARCH_GROUP,
      emulatorEntries([store], settings.prefix).flatMap(({ line }) => parseDefinition(line) ?? []),
    )
    registerLines(entries)
  }
  for (const { name } of native) {
    context.remark(`${name}: this kernel runs its programs itself; nothing to add (dynamic ones need their libraries on the host)`)
  }
  const value = [
    ...added.map(({ architecture, emulator }) => ({
      architecture,
      emulator: emulator.version,
      native: false,
      registered: settings.isRoot,
    })),
    ...native.map(({ name }) => ({ architecture: name, emulator: null, native: true, registered: false })),
  ]
  const where = settings.isRoot ? 'for every user of this machine' : 'in: langrun shell'
  context.answer(
    value,
    added.map(({ architecture, emulator }) => `${architecture} programs run ${where} (QEMU ${emulator.version})\n`).join(''),
  )
}

/** Get emulators and libraries into a store; nothing is registered. */
export async function bringArchitectures(
  context: Context,
  store: Store,
  architectures: readonly Architecture[],
  mirror: string | undefined,
): Promise<Emulated[]> {
  const { suite } = context.catalogue.base
  return withArchive(context, store, mirror, (access) => addArchitectures({ ...access, architectures, suite }))
}

export async function removeArch(context: Context, names: readonly string[], options: ArchOptions): Promise<void> {
  const { settings, progress } = context
  const store = chosenStore(context, settings.isRoot)
  const launcher = prepareStore(context, store)
  const isThere = ({ name }: Architecture): boolean => readEmulated(store, name) !== undefined
  const asked = choose(names, options)
  const missing = asked.find((it) => !isThere(it))
  if (missing !== undefined && names.length > 0) {
    throw new LangrunError('not-installed', `cannot remove ${missing.name}`, {
      cause: `it was not added to ${store.path}`,
      hint: 'what was added: langrun arch list',
    })
  }
  const architectures = asked.filter(isThere)
  for (const { name } of architectures) requireUnused(store, name)
  for (const name of settings.isRoot ? architectures.map((it) => emulatorName(settings.prefix, it)) : []) {
    forget(persistenceOf(context), name)
    remove(name)
  }
  await removeArchitectures({ store, launcher, architectures, progress })
  context.answer(
    architectures.map(({ name }) => name),
    architectures.map(({ name }) => `removed ${name}\n`).join(''),
  )
}

function requireUnused(store: Store, architecture: string): void {
  const users = listInstalled(store).filter(({ recipe }) => recipe['architecture'] === architecture)
  if (users.length === 0) return
  const names = users.map(({ name }) => name).join(' ')
  throw new LangrunError('usage', `cannot remove ${architecture}`, { cause: `${names} needs it`, hint: `langrun uninstall ${names}` })
}

export function listArch(context: Context): void {
  const { settings } = context
  const { binfmt } = readKernel()
  const entries = binfmt === 'mounted' || binfmt === 'disabled' ? listEntries() : []
  const rows = foreignArchitectures(hostArchitecture(process.arch)).map((architecture) => {
    const store = stores(context).find((it) => readEmulated(it, architecture.name) !== undefined)
    const emulator = store === undefined ? undefined : readEmulated(store, architecture.name)?.emulator.version
    const ours = emulatorName(settings.prefix, architecture)
    const others = entries.filter((entry) => entry.name !== ours && isFor(entry, architecture)).map(({ name }) => name)
    return {
      architecture: architecture.name,
      emulator: emulator ?? null,
      store: store?.kind ?? null,
      registered: entries.some(({ name, enabled }) => name === ours && enabled),
      others,
    }
  })
  const text = rows.map(({ architecture, emulator, store, registered, others }) => [
    architecture,
    emulator === null ? 'not added' : `QEMU ${emulator}`,
    store ?? '',
    emulator === null ? '' : registered ? 'registered' : 'in langrun shell',
    others.length === 0 ? '' : `also claimed by ${others.join(', ')}`,
  ])
  context.answer(rows, table(text))
}

/** What the command names; with --all or without a name, everything. */
function choose(names: readonly string[], { all = false }: ArchOptions): Architecture[] {
  const host = hostArchitecture(process.arch)
  if (names.length === 0 || all) return foreignArchitectures(host).filter(({ name }) => name !== 'amd64' || all)
  return [...new Set(names)].map(requireForeign)
}

/** @throws LangrunError `usage` for the architecture of this machine, and for one that we do not know */
export function requireForeign(name: string): Architecture {
  const architecture = parseArchitecture(name)
  if (architecture.name !== hostArchitecture(process.arch)) return architecture
  throw new LangrunError('usage', `cannot emulate ${name}`, { cause: 'it is the architecture of this machine' })
}

function isFor({ magic, enabled }: Entry, architecture: Architecture): boolean {
  const ours = Buffer.from(architecture.magic.magic).toString('hex')
  // The machine is what tells an architecture's ELF files from another's.
  return enabled && magic !== undefined && magic.slice(0, 12) === ours.slice(0, 12) && magic.slice(36) === ours.slice(36)
}

/** An i386 program that ends at once: `mov eax, 1; xor ebx, ebx; int 0x80`, behind the headers of an ELF file. */
const I386_PROGRAM = Buffer.from(
  '7f454c4601010100000000000000000002000300010000005480040834000000000000000000000034002000010000000000000001000000000000000080040800800408' +
    '5d0000005d0000000500000000100000b80100000031dbcd80',
  'hex',
)

/** Kernels for x86-64 run i386 programs unless they were built or started without that; only trying tells. */
function runsI386({ settings }: Context, store: Store): boolean {
  if (process.arch !== 'x64' || readEmulated(store, 'i386') !== undefined || settings.environment['LANGRUN_SHELL'] !== undefined)
    return false
  const path = join(store.path, 'tmp', `i386-${process.pid}`)
  writeFileSync(path, I386_PROGRAM, { mode: 0o755 })
  const { status } = spawnSync(path)
  rmSync(path)
  return status === 0
}

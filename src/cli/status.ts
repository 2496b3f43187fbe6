/** `status`: which endings the kernel hands to us, and who runs them. */

import { type Entry, listEntries } from '../binfmt/registry.ts'
import { missingEntries } from '../binfmt/system.ts'
import { readKernel } from '../host/kernel.ts'
import { extensionOwners } from '../plan/publish.ts'
import { type Context, stores } from './context.ts'
import { table } from './output.ts'

interface ExtensionStatus {
  readonly extension: string
  readonly language: string | null
  readonly registered: boolean
  /** An entry of other software that is there for files with this ending. */
  readonly other: string | null
  /** The entry that the kernel asks first: the one that was registered last. */
  readonly winner: string | null
}

export function status(context: Context): void {
  const { settings } = context
  const kernel = readKernel()
  const entries = kernel.binfmt === 'mounted' || kernel.binfmt === 'disabled' ? listEntries() : []
  const ours = entries.filter(({ name }) => name.startsWith(settings.prefix))
  const owners = new Map([...stores(context)].reverse().flatMap((store) => [...extensionOwners(store, context.catalogue)]))
  const extensions = [...new Set([...owners.keys(), ...ours.flatMap(({ extension }) => extension ?? [])])].sort()
  const rows = extensions.map((extension) => describe(extension, owners.get(extension) ?? null, entries, ours))
  const isShell = settings.environment['LANGRUN_SHELL'] !== undefined
  const lost = isShell ? [] : missingEntries({ root: settings.hostRoot, prefix: settings.prefix }).map(({ name }) => name)
  const value = { kernel: kernel.release, binfmt: kernel.binfmt, shell: isShell, registered: ours.length > 0, lost, extensions: rows }
  context.answer(
    value,
    `${headline(kernel.binfmt, ours.length, isShell)}\n${lost.length === 0 ? '' : `${lossSentence(lost.length)}\n`}${table(rows.map(row))}`,
  )
}

function describe(extension: string, language: string | null, entries: readonly Entry[], ours: readonly Entry[]): ExtensionStatus {
  const registered = ours.some((entry) => entry.extension === extension && entry.enabled)
  const able = entries.filter((entry) => entry.extension === extension && entry.enabled)
  const other = able.find((entry) => !ours.includes(entry))?.name ?? null
  return { extension, language, registered, other, winner: able[0]?.name ?? null }
}

function headline(binfmt: string, count: number, isShell: boolean): string {
  if (binfmt === 'not mounted' || binfmt === 'missing') return `binfmt_misc is ${binfmt}: nothing is dot-slash; see langrun doctor`
  if (binfmt === 'disabled') return 'binfmt_misc is switched off: sudo langrun binfmt enable'
  if (isShell) return `in a langrun shell: ${count} endings are registered here`
  if (count === 0) return 'nothing is registered: sudo langrun register (for everyone), or langrun shell (no root)'
  return `${count} endings are registered`
}

function lossSentence(count: number): string {
  return `${count} entries are gone from the kernel, which other software must have removed: sudo langrun register --heal`
}

function row({ extension, language, registered, other, winner }: ExtensionStatus): string[] {
  const state = registered ? 'registered' : 'not registered'
  const result = winner === other ? 'which was registered later and wins' : "which was registered earlier: langrun's wins"
  const conflict = other === null ? '' : registered ? `also claimed by ${other}, ${result}` : `claimed by ${other}`
  return [`.${extension}`, language ?? '(not installed)', state, conflict]
}

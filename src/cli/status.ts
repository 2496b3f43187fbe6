/** `status`: which endings the kernel hands to us, and who runs them. */

import { type Entry, listEntries } from '../binfmt/registry.ts'
import { readKernel } from '../host/kernel.ts'
import { extensionOwners } from '../plan/publish.ts'
import { type Context, stores } from './context.ts'
import { table } from './output.ts'

interface ExtensionStatus {
  readonly extension: string
  readonly language: string | null
  readonly registered: boolean
  /** An entry of other software that takes files with this ending instead of ours. */
  readonly other: string | null
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
  const value = { kernel: kernel.release, binfmt: kernel.binfmt, shell: isShell, registered: ours.length > 0, extensions: rows }
  context.answer(value, `${headline(kernel.binfmt, ours.length, isShell)}\n${table(rows.map(row))}`)
}

function describe(extension: string, language: string | null, entries: readonly Entry[], ours: readonly Entry[]): ExtensionStatus {
  const registered = ours.some((entry) => entry.extension === extension && entry.enabled)
  const other = entries.find((entry) => entry.extension === extension && !ours.includes(entry) && entry.enabled)?.name ?? null
  return { extension, language, registered, other }
}

function headline(binfmt: string, count: number, isShell: boolean): string {
  if (binfmt === 'not mounted' || binfmt === 'missing') return `binfmt_misc is ${binfmt}: nothing is dot-slash; see langrun doctor`
  if (binfmt === 'disabled') return 'binfmt_misc is switched off: echo 1 | sudo tee /proc/sys/fs/binfmt_misc/status'
  if (isShell) return `in a langrun shell: ${count} endings are registered here`
  if (count === 0) return 'nothing is registered: sudo langrun register (for everyone), or langrun shell (no root)'
  return `${count} endings are registered`
}

function row({ extension, language, registered, other }: ExtensionStatus): string[] {
  const state = registered ? 'registered' : 'not registered'
  return [`.${extension}`, language ?? '(not installed)', state, other === null ? '' : `also claimed by ${other}`]
}

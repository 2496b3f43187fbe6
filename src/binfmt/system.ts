/** The system's registration: every language of the catalogue, for every user of this machine. */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import { BINFMT_FOLDER } from '../host/kernel.ts'
import type { NamedLine } from './emulators.ts'
import { type Entry, extensionLine, listEntries, register, remove } from './registry.ts'

export interface Registration {
  /** Entries are called `<prefix><extension>`. */
  readonly prefix: string
  /** extension → absolute path of its runner */
  readonly runners: ReadonlyMap<string, string>
}

/** Mount the registry if it is not, and register every extension. @returns the names of the entries */
export function registerAll({ prefix, runners }: Registration): string[] {
  const lines = [...runners].map(([extension, runner]) => ({
    name: `${prefix}${extension}`,
    line: extensionLine(`${prefix}${extension}`, extension, runner),
  }))
  registerLines(lines)
  return lines.map(({ name }) => name)
}

/** Mount the registry if it is not, and register these lines, in this order. */
export function registerLines(lines: readonly NamedLine[]): void {
  mountRegistry()
  for (const { name, line } of lines) register(name, line)
}

/** Remove every entry of ours. @returns their names */
export function unregisterAll(prefix: string): string[] {
  const ours = ourEntries(prefix)
  for (const { name } of ours) remove(name)
  return ours.map(({ name }) => name)
}

/** The entries with our prefix; none if the registry is not mounted. */
export function ourEntries(prefix: string): Entry[] {
  return existsSync(join(BINFMT_FOLDER, 'register')) ? listEntries().filter(({ name }) => name.startsWith(prefix)) : []
}

function mountRegistry(): void {
  if (existsSync(join(BINFMT_FOLDER, 'register'))) return
  const { status, stderr, error } = spawnSync('mount', ['-t', 'binfmt_misc', 'binfmt_misc', BINFMT_FOLDER], { encoding: 'utf8' })
  if (status === 0) return
  throw new LangrunError('unsupported', `cannot mount binfmt_misc at ${BINFMT_FOLDER}`, {
    cause: error ?? stderr.trim(),
    hint: 'load the module (sudo modprobe binfmt_misc), or use the rootless way: langrun shell',
  })
}

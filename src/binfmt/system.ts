/** The system's registration: every language of the catalogue, for every user of this machine; and how it is brought back. */

import { spawnSync } from 'node:child_process'
import { watch } from 'node:fs'
import { LangrunError } from '../base/error.ts'
import { BINFMT_FOLDER } from '../host/kernel.ts'
import { type Definition, encodeDefinition } from './definition.ts'
import type { NamedLine } from './emulators.ts'
import { type Paper, readPaper } from './paper.ts'
import { type Entry, entryNames, isMounted, listEntries, register, remove } from './registry.ts'

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
  return isMounted() ? listEntries().filter(({ name }) => name.startsWith(prefix)) : []
}

/** What is on paper and not in the kernel: other software wiped it, or nobody registered it since the boot. */
export function missingEntries(paper: Paper): Definition[] {
  const names = new Set(isMounted() ? entryNames() : [])
  const definitions = new Map(readPaper(paper).map(({ definition }) => [definition.name, definition]))
  return [...definitions.values()].filter(({ name }) => !names.has(name))
}

/** Register what is missing; whatever is there stays as it is. @returns the names that came back */
export function heal(paper: Paper): string[] {
  const missing = missingEntries(paper)
  if (missing.length > 0) registerLines(missing.map((it) => ({ name: it.name, line: encodeDefinition(it) })))
  return missing.map(({ name }) => name)
}

/** Milliseconds: whoever wipes the registry writes more than once. */
const SETTLES_IN = 300
/** Milliseconds between two looks without a sign: for what happens where inotify does not see it, such as an unmount. */
export const LOOK_EVERY = 60_000

/**
 * Heal now, and whenever the registry changes, until the signal. inotify sees it, since entries change by write(2) alone.
 *
 * @param healed what came back, or the error; called after each look that found something
 */
export async function watchRegistry(paper: Paper, signal: AbortSignal, healed: (names: string[] | LangrunError) => void): Promise<void> {
  const look = (): void => {
    try {
      const names = heal(paper)
      if (names.length > 0) healed(names)
    } catch (error) {
      if (!(error instanceof LangrunError)) throw error
      healed(error)
    }
  }
  mountRegistry()
  await new Promise<void>((resolve) => {
    let waiting: NodeJS.Timeout | undefined
    const watcher = watch(BINFMT_FOLDER, () => {
      clearTimeout(waiting)
      waiting = setTimeout(look, SETTLES_IN)
    })
    const clock = setInterval(look, LOOK_EVERY)
    const stop = (): void => {
      clearTimeout(waiting)
      clearInterval(clock)
      watcher.close()
      resolve()
    }
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    look()
  })
}

export function mountRegistry(): void {
  if (isMounted()) return
  const { status, stderr, error } = spawnSync('mount', ['-t', 'binfmt_misc', 'binfmt_misc', BINFMT_FOLDER], { encoding: 'utf8' })
  if (status === 0) return
  throw new LangrunError('unsupported', `cannot mount binfmt_misc at ${BINFMT_FOLDER}`, {
    cause: error ?? stderr.trim(),
    hint: 'load the module (sudo modprobe binfmt_misc), or use the rootless way: langrun shell',
  })
}

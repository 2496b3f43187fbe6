/**
 * Languages of a foreign architecture: the whole image is emulated, and its plan brings the emulator along.
 *
 * The container has a registry of its own (Linux 6.7 and later) with the emulator in it, so neither root nor a registration on the host
 * is needed, and whatever the interpreter starts is emulated as well. Scripts of other languages are not dot-slash in there: a registry of
 * its own hides the host's.
 */

import { parseArchitecture } from '../catalogue/architecture.ts'
import { RUNNER_FLAGS, renderBytes } from '../catalogue/magic.ts'
import type { Language } from '../catalogue/recipe.ts'
import { BINFMT_FOLDER } from '../host/kernel.ts'
import { emulatorPath } from '../store/emulators.ts'
import type { Store } from '../store/store.ts'
import type { Step } from './format.ts'

/** The language as it is installed for an architecture: `python-arm64`, which takes over no ending that another language has. */
export function emulatedLanguage(language: Language, architecture: string): Language {
  const { name, title, extensions, also } = language
  return {
    ...language,
    name: `${name}-${architecture}`,
    title: `${title} (${architecture})`,
    extensions: [],
    also: [...extensions, ...also],
    aliases: [],
    architecture,
  }
}

/** The emulator that a language's image needs; none for the host's own architecture. @returns the line that registers it */
export function emulatorLine(store: Store, architecture: string | undefined): string | undefined {
  if (architecture === undefined) return undefined
  const known = parseArchitecture(architecture)
  const { offset, magic, mask = Buffer.alloc(0) } = known.magic
  const fields = [`qemu-${known.qemu}`, 'M', `${offset}`, renderBytes(magic), renderBytes(mask), emulatorPath(store, known), RUNNER_FLAGS]
  // A line begins with its delimiter; the path alone may have a colon in it.
  const delimiter = [':', '|', ','].find((it) => !store.path.includes(it)) ?? ':'
  return `${delimiter}${fields.join(delimiter)}`
}

/** For a plan whose identity is `root`, after /proc. */
export function emulatorSteps(line: string | undefined): Step[] {
  if (line === undefined) return []
  return [
    ['binfmt', BINFMT_FOLDER],
    ['write', `${BINFMT_FOLDER}/register`, line],
  ]
}

/** A running `langrun shell` follows what is installed in it: its registry belongs to the user, who may add to it. */

import { extensionLine, listEntries, register } from '../binfmt/registry.ts'
import type { Language } from '../catalogue/recipe.ts'
import { publishRunner, runnerPath } from '../plan/publish.ts'
import type { Context } from './context.ts'

/** Register the endings of `languages` that the shell around us does not have yet; outside of one nothing happens. */
export function followInShell({ settings }: Context, languages: readonly Language[]): void {
  if (settings.environment['LANGRUN_SHELL'] === undefined) return
  const known = new Set(listEntries().map(({ name }) => name))
  const { userStore, systemStore, prefix } = settings
  for (const { name: language, extensions } of languages) {
    const missing = extensions.filter((extension) => !known.has(`${prefix}${extension}`))
    if (missing.length > 0) publishRunner(userStore, language, systemStore.path)
    for (const extension of missing) {
      const name = `${prefix}${extension}`
      register(name, extensionLine(name, extension, runnerPath(userStore, language)))
    }
  }
}

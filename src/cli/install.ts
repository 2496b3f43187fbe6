/** `install`, `uninstall`, `default`. */

import { LangrunError } from '../base/error.ts'
import { type InstallResult, install as installLanguages } from '../build/install.ts'
import { uninstall as uninstallLanguages } from '../build/uninstall.ts'
import { claimants, findLanguage, withLanguages } from '../catalogue/catalogue.ts'
import type { Language } from '../catalogue/recipe.ts'
import { emulatedLanguage } from '../plan/emulation.ts'
import { linkExtensions } from '../plan/publish.ts'
import { readChoices, readInstalled, type Store, writeChoices } from '../store/store.ts'
import { bringArchitectures, requireForeign } from './arch.ts'
import { withArchive } from './archive-access.ts'
import { type Context, chosenStore, languageNamed } from './context.ts'
import { megabytes } from './output.ts'
import { followInShell } from './shell-entries.ts'
import { prepareStore } from './tools.ts'

export interface StoreOptions {
  readonly system?: boolean
}

export interface InstallOptions extends StoreOptions {
  readonly mirror?: string
  /** A foreign architecture. */
  readonly arch?: string
}

export async function install(context: Context, names: readonly string[], { system = false, mirror, arch }: InstallOptions): Promise<void> {
  const store = chosenStore(context, system)
  const found = [...new Set(names.map((name) => findLanguage(context.catalogue, name)))]
  const foreign = arch === undefined ? undefined : requireForeign(arch)
  if (foreign !== undefined) await bringArchitectures(context, store, [foreign], mirror)
  const languages = foreign === undefined ? found : found.map((language) => emulatedLanguage(language, foreign.name))
  const results = await installInto(context, store, languages, { mirror })
  followInShell(context, languages)
  const value = results.map(({ language, image, changed }) => ({ name: language.name, image: image.digest, size: image.size, changed }))
  const text = results.map(({ language, image, changed }) => {
    const endings = language.extensions.map((it) => `.${it}`).join(' ')
    const forWhat = foreign === undefined ? ` for ${endings}` : `: langrun run --language ${language.name} FILE`
    return `${changed ? 'installed' : 'already installed:'} ${language.name} (${megabytes(image.size)})${forWhat}\n`
  })
  context.answer(value, text.join(''))
}

export interface InstallIntoOptions {
  readonly mirror?: string | undefined
  /** Nothing is done for a language that somebody else installed while we waited for the lock. */
  readonly unlessThere?: boolean
}

/** Install, and answer nothing: for `install` and for first uses. */
export async function installInto(
  context: Context,
  store: Store,
  languages: readonly Language[],
  { mirror, unlessThere = false }: InstallIntoOptions,
): Promise<InstallResult[]> {
  const { settings, catalogue, assets } = context
  const system = settings.systemStore.path
  return withArchive(context, store, mirror, (access) =>
    installLanguages({ ...access, catalogue, languages, system, standIns: assets.standIns, unlessThere }),
  )
}

export async function uninstall(context: Context, names: readonly string[], { system = false }: StoreOptions): Promise<void> {
  const { catalogue, progress } = context
  const languages = [...new Set(names.map((name) => languageNamed(context, name)))]
  const store = chosenStore(context, system)
  for (const { name } of languages) {
    if (readInstalled(store, name) !== undefined) continue
    throw new LangrunError('not-installed', `cannot uninstall ${name}`, {
      cause: `it is not installed in ${store.path}`,
      hint: 'what is installed: langrun list',
    })
  }
  const launcher = prepareStore(context, store)
  const collected = await uninstallLanguages({ catalogue, languages, store, launcher, progress })
  const value = { uninstalled: languages.map(({ name }) => name), ...collected }
  context.answer(value, languages.map(({ name }) => `uninstalled ${name}\n`).join(''))
}

/** `default .lisp sbcl`: who runs an ending that several languages can. */
export function setDefault(context: Context, ending: string, name: string, { system = false }: StoreOptions): void {
  const { catalogue } = context
  const extension = ending.replace(/^\./, '')
  const language = languageNamed(context, name)
  const able = claimants(withLanguages(catalogue, [language]), extension)
  if (!able.includes(language)) {
    const cause = able.length === 0 ? 'no language has that ending' : `the languages for it are ${able.map((it) => it.name).join(', ')}`
    throw new LangrunError('usage', `cannot give .${extension} to ${language.name}`, { cause })
  }
  const store = chosenStore(context, system)
  if (readInstalled(store, language.name) === undefined) {
    throw new LangrunError('not-installed', `cannot give .${extension} to ${language.name}`, {
      cause: `it is not installed in ${store.path}`,
      hint: `langrun install ${system ? '--system ' : ''}${language.name}`,
    })
  }
  writeChoices(store, { ...readChoices(store), [extension]: language.name })
  linkExtensions(store, catalogue)
  context.answer({ extension, language: language.name }, `.${extension} files are run by ${language.name}\n`)
}

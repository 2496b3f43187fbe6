/** What every command is given, and the questions that several of them ask. */

import { LangrunError } from '../base/error.ts'
import type { Progress } from '../base/progress.ts'
import { type Catalogue, findLanguage } from '../catalogue/catalogue.ts'
import type { Language } from '../catalogue/recipe.ts'
import { extensionClaims, PROFILES, recipeOf } from '../plan/publish.ts'
import type { Runnable } from '../run/runnable.ts'
import { checkTrust, isOwn, listInstalled, readInstalled, type Store } from '../store/store.ts'
import type { Assets } from './assets.ts'
import type { Settings } from './settings.ts'

export interface Context {
  readonly settings: Settings
  readonly assets: Assets
  readonly catalogue: Catalogue
  readonly progress: Progress
  /** The file that starts this langrun again. */
  readonly executable: string
  /** Give the answer: `value` as one JSON document under --json, else `text`. */
  answer(value: unknown, text: string): void
  /** A remark on stderr, for people; not under --json. */
  remark(text: string): void
}

/** The stores in the order in which they are read; root with a user's HOME reads its own alone, as the launcher does. */
export function stores({ settings }: Context): Store[] {
  const { userStore, systemStore } = settings
  const all = userStore.path === systemStore.path || !isOwn(userStore) ? [systemStore] : [userStore, systemStore]
  for (const store of all) checkTrust(store)
  return all
}

/** The store that a command changes. @throws LangrunError `permission` for the system's without root. */
export function chosenStore({ settings }: Context, isSystem: boolean): Store {
  if (!isSystem) return settings.userStore
  if (settings.isRoot) return settings.systemStore
  throw new LangrunError('permission', "cannot change the system's store", {
    cause: 'you are not root',
    hint: 'leave --system out to install for yourself, or use sudo',
  })
}

/** @throws LangrunError `not-installed` with the command that installs it. */
export function requireInstalled(context: Context, name: string): Runnable {
  const language = languageNamed(context, name)
  const found = findInstalled(context, language)
  if (found !== undefined) return found
  throw notInstalled(language, `cannot run ${language.name}`)
}

/** A language of the catalogue, or one that is installed although its recipe is gone, or is in root's configuration. */
export function languageNamed(context: Context, name: string): Language {
  if (context.catalogue.languages.has(name)) return findLanguage(context.catalogue, name)
  const installed = stores(context)
    .flatMap(listInstalled)
    .find((it) => it.name === name)
  return installed === undefined ? findLanguage(context.catalogue, name) : recipeOf(installed)
}

export function notInstalled(language: Language, what: string): LangrunError {
  return new LangrunError('not-installed', what, { cause: `${language.name} is not installed`, hint: `langrun install ${language.name}` })
}

export function findInstalled(context: Context, language: Language): Runnable | undefined {
  for (const store of stores(context)) {
    const installed = readInstalled(store, language.name)
    if (installed !== undefined) return { language, store, image: installed.image }
  }
  return undefined
}

/** Everything installed, the user's before the system's, each language once. */
export function allInstalled(context: Context): Runnable[] {
  const seen = new Map<string, Runnable>()
  for (const store of stores(context)) {
    for (const { name, image } of listInstalled(store)) {
      if (!seen.has(name)) seen.set(name, { language: languageNamed(context, name), store, image })
    }
  }
  return [...seen.values()].sort((a, b) => a.language.name.localeCompare(b.language.name))
}

/** The installed languages that can run an ending, the default first, as the first store that has any says. */
export function claims(
  context: Context,
  extension: string,
): { readonly store: Store; readonly runnables: readonly Runnable[] } | undefined {
  for (const store of stores(context)) {
    const able = extensionClaims(store, context.catalogue).get(extension) ?? []
    const runnables = able.flatMap((name) => findInstalled(context, languageNamed(context, name)) ?? [])
    if (runnables.length > 0) return { store, runnables }
  }
  return undefined
}

/** @throws LangrunError `unsupported` for a profile that this version cannot plan: it must never run with weaker walls than asked for. */
export function requireProfile(profile: string): void {
  if ((PROFILES as readonly string[]).includes(profile)) return
  throw new LangrunError('unsupported', `cannot use the profile "${profile}"`, {
    cause: `this langrun has ${PROFILES.join(', ')}`,
    hint: 'unset LANGRUN_PROFILE, or leave --profile out',
  })
}

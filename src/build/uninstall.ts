/** Uninstall languages, and remove what nothing else needs. */

import type { Progress } from '../base/progress.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Language } from '../catalogue/recipe.ts'
import { linkExtensions, unpublish } from '../plan/publish.ts'
import { type Collected, collect } from '../store/collect.ts'
import { lockStore } from '../store/lock.ts'
import { removeInstalled, type Store } from '../store/store.ts'
import { sweep } from '../store/transaction.ts'

export interface UninstallInput {
  readonly catalogue: Catalogue
  readonly languages: readonly Language[]
  readonly store: Store
  readonly launcher: string
  readonly progress: Progress
}

/** Scripts that run keep their image until they end: it is collected the next time. */
export async function uninstall({ catalogue, languages, store, launcher, progress }: UninstallInput): Promise<Collected> {
  await using _lock = await lockStore(store, launcher, progress)
  sweep(store)
  for (const language of languages) {
    unpublish(store, language)
    removeInstalled(store, language.name)
  }
  linkExtensions(store, catalogue)
  return collect(store)
}

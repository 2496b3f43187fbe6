import type { Language } from '../catalogue/recipe.ts'
import type { Store } from '../store/store.ts'

/** An installed language with the store that holds it. */
export interface Runnable {
  readonly language: Language
  readonly store: Store
  /** The digest of its image. */
  readonly image: string
}

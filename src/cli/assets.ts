/**
 * What travels inside langrun: recipes, archive keys, launchers, stand-ins, the unpacker's worker.
 *
 * `scripts/build.ts` puts it all into the bundle as LANGRUN_ASSETS.
 */

import { LangrunError } from '../base/error.ts'
import type { StandIns } from '../build/configure.ts'
import type { RecipeTexts } from '../catalogue/catalogue.ts'

export interface Assets {
  readonly version: string
  readonly recipes: RecipeTexts
  /** Armored OpenPGP keys of the Debian archive. */
  readonly keys: readonly string[]
  readonly standIns: StandIns
  /** JavaScript of the unpacker's worker thread. */
  readonly worker: string
  /** Node's name of an architecture → the launcher for it, in base64. */
  readonly launchers: Readonly<Record<string, string>>
}

declare const LANGRUN_ASSETS: Assets

export function loadAssets(): Assets {
  return LANGRUN_ASSETS
}

/** @throws LangrunError `unsupported` for an architecture that we build no launcher for. */
export function launcherFor(assets: Assets, architecture: string): Buffer {
  const launcher = assets.launchers[architecture]
  if (launcher !== undefined) return Buffer.from(launcher, 'base64')
  throw new LangrunError('unsupported', `cannot run on ${architecture}`, {
    cause: `there are launchers for ${Object.keys(assets.launchers).join(', ')}`,
  })
}

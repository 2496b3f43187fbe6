/** What a plan shows to a script, in a few words. */

import type { Step } from '../plan/format.ts'

export interface Sight {
  /** The host's own folders and files, as the user may use them. */
  readonly readWrite: readonly string[]
  readonly readOnly: readonly string[]
  /** What the image covers. */
  readonly image: readonly string[]
  readonly network: 'host' | 'none'
}

/** Devices, and the kernel's own trees: every script has them. */
const EVERYWHERE = /^\/(?:dev|proc|sys)(?:\/|$)/

export function sightOf(steps: readonly Step[]): Sight {
  const hosts = steps.flatMap((step) => (step[0] === 'host' && !EVERYWHERE.test(step[1]) ? [step] : []))
  const isReadOnly = ([, , flags]: readonly [string, string, string]): boolean => flags.includes('r')
  return {
    readWrite: hosts.filter((step) => !isReadOnly(step)).map((step) => step[1]),
    readOnly: hosts.filter(isReadOnly).map((step) => step[1]),
    image: steps.flatMap((step) => (step[0] === 'from-image' && /^\/[^/]+$/.test(step[1]) ? [step[1]] : [])),
    network: steps.some((step) => step[0] === 'namespace' && step[1] === 'net') ? 'none' : 'host',
  }
}

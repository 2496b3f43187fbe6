/** Where packages come from: a suite of an archive, and whose signature it must bear. */

export interface Source {
  /** The archive's address, without a final slash: the folder that has `dists` and `pool`. */
  readonly mirror: string
  /** A suite or a codename: `trixie`, `trixie-security`, `sid`. */
  readonly suite: string
  readonly components: readonly string[]
  /** Armored OpenPGP keys; one of them must have signed the suite. */
  readonly keys: readonly string[]
  /** The suite need not exist (sid has no security updates). */
  readonly optional?: boolean
  /** Its packages are taken only if asked for by `name/suite`, or where no other source has what is needed. */
  readonly fallback?: boolean
  /** Accept a release file past its Valid-Until: for a mirror that is a frozen snapshot, on purpose. */
  readonly expired?: 'accept'
}

/** The two archives of Debian that a mirror may have. */
export interface Mirrors {
  readonly debian: string
  readonly security: string
}

/** The suites that a name stands for: itself, its point-release updates and its security updates. */
export function expandSuite(suite: string, mirrors: Mirrors, keys: readonly string[], components: readonly string[] = ['main']): Source[] {
  const source: Source = { mirror: mirrors.debian, suite, components, keys }
  if (ROLLING.has(suite) || suite.includes('-')) return [source]
  return [
    source,
    { ...source, suite: `${suite}-updates`, optional: true },
    { ...source, mirror: mirrors.security, suite: `${suite}-security`, optional: true },
  ]
}

/** They are their own updates. */
const ROLLING = new Set(['sid', 'unstable', 'experimental'])

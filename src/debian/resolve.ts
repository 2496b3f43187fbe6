/**
 * Which packages a wish needs: apt's own choice, without recommendations, onto an empty root.
 *
 * What leaves no choice is taken first, so that of `a | b` the one is preferred that is there already. Else the first
 * alternative that can be had; a real package before those that provide its name. A package chosen in a version that a later
 * one cannot live with is chosen anew, and the search started again.
 */

import { LangrunError } from '../base/error.ts'
import type { Archive } from './archive.ts'
import { inOrder, type SatisfiedBy } from './order.ts'
import { type Dependency, matches, type Package, type Relation, renderDependency } from './package.ts'

/** Each new start settles one package's version for good; more means that two packages cannot agree. */
const MAX_STARTS = 50

export interface ResolveOptions {
  /** Names that are left out though something depends on them; a final `*` matches any rest. */
  readonly without?: ReadonlySet<string>
}

/**
 * @param wanted `name`, `name=version` or `name/suite`
 * @returns all packages, those that others depend on before them: the order in which maintainer scripts run
 * @throws LangrunError `not-found` that says which package wants what
 */
export function resolve(archive: Archive, wanted: readonly string[], { without = new Set() }: ResolveOptions = {}): Package[] {
  const pins = new Map<string, Package>()
  const prefixes = [...without].filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))
  const isLeftOut = (name: string) => without.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
  for (const wish of wanted) pin(archive, wish, pins)
  for (let starts = 0; starts < MAX_STARTS; starts++) {
    const chosen = choose(archive, wanted, isLeftOut, pins)
    if (chosen !== undefined) return inOrder(chosen.roots, chosen.satisfiedBy)
  }
  throw new LangrunError('not-found', `cannot choose packages for ${wanted.join(' ')}`, { cause: 'their versions contradict one another' })
}

interface Chosen {
  readonly roots: readonly Package[]
  readonly satisfiedBy: SatisfiedBy
}

/** @returns undefined if a version had to be changed: `pins` then says which, and all is to be chosen again */
function choose(
  archive: Archive,
  wanted: readonly string[],
  isLeftOut: (name: string) => boolean,
  pins: Map<string, Package>,
): Chosen | undefined {
  const chosen = new Map<string, Package>()
  const providers = new Map<string, Package[]>()
  const certain: { dependency: Dependency; by: Package }[] = []
  const choices: { dependency: Dependency; by: Package }[] = []

  const candidates = (name: string): readonly Package[] => {
    const pinned = pins.get(name)
    return pinned ? [pinned] : archive.find(name)
  }
  const satisfiers = (relation: Relation): Package[] => {
    if (!isNative(relation, archive.architecture)) return []
    const real = candidates(relation.name).find((each) => matches(relation, each.version))
    const virtual = archive.providers(relation.name).filter((each) => candidates(each.name)[0] === each && provides(each, relation))
    return [...(real ? [real] : []), ...virtual.sort(byStanding)]
  }
  const satisfierThere = (dependency: Dependency): Package | undefined => {
    for (const relation of dependency) {
      if (!isNative(relation, archive.architecture)) continue
      const real = chosen.get(relation.name)
      if (real && matches(relation, real.version)) return real
      const virtual = providers.get(relation.name)?.find((each) => provides(each, relation))
      if (virtual) return virtual
    }
    return undefined
  }
  const add = (package_: Package): void => {
    if (chosen.has(package_.name)) return
    chosen.set(package_.name, package_)
    for (const { name } of package_.provides) providers.set(name, [...(providers.get(name) ?? []), package_])
    for (const dependency of [...package_.preDepends, ...package_.depends]) {
      const open = dependency.flatMap(satisfiers)
      ;(open.length > 1 ? choices : certain).push({ dependency, by: package_ })
    }
  }

  for (const name of wanted.map(nameOf)) if (!isLeftOut(name)) add(candidates(name)[0]!)
  for (let next = certain.shift() ?? choices.shift(); next !== undefined; next = certain.shift() ?? choices.shift()) {
    const { dependency, by } = next
    if (satisfierThere(dependency) !== undefined) continue
    const best = dependency.flatMap(satisfiers)[0]
    if (best === undefined ? dependency.some(({ name }) => isLeftOut(name)) : isLeftOut(best.name)) continue
    if (best === undefined) {
      if (repin(archive, dependency, pins)) return undefined
      throw unsatisfiable(archive, dependency, by)
    }
    if (chosen.has(best.name)) {
      // It is there in a version that does not do: have this one from the start.
      pins.set(best.name, best)
      return undefined
    }
    add(best)
  }
  const named = (dependency: Dependency) => satisfierThere(dependency) ?? []
  return {
    roots: wanted.map(nameOf).flatMap((name) => chosen.get(name) ?? []),
    satisfiedBy: (package_) => ({ preDepends: package_.preDepends.flatMap(named), depends: package_.depends.flatMap(named) }),
  }
}

/** A version that was pinned on the way, not by the user, may be too old for a later wish. */
function repin(archive: Archive, dependency: Dependency, pins: Map<string, Package>): boolean {
  for (const relation of dependency) {
    const pinned = pins.get(relation.name)
    const other = archive.find(relation.name).find((each) => matches(relation, each.version))
    if (pinned === undefined || other === undefined || WISHED.has(pinned)) continue
    pins.set(relation.name, other)
    return true
  }
  return false
}

/** Packages that a user named by version or suite: they stay. */
const WISHED = new WeakSet<Package>()

function pin(archive: Archive, wish: string, pins: Map<string, Package>): void {
  const [, name = '', mark, value] = /^([^=/]+)(?:([=/])(.+))?$/.exec(wish) ?? []
  const found = archive.find(name)
  const ofSuite = ({ source }: Package) =>
    source.suite === value ||
    archive.releases.some((release) => release.source === source && (release.suite === value || release.codename === value))
  const chosen = mark === undefined ? found[0] : found.find((each) => (mark === '=' ? each.version === value : ofSuite(each)))
  const suites = archive.releases.map(({ source }) => source.suite).join(', ')
  if (chosen === undefined) {
    const virtual = archive.providers(name).map((each) => each.name)
    throw new LangrunError('not-found', `cannot find the Debian package "${wish}"`, {
      cause:
        found.length > 0
          ? `there is ${found.map((each) => `${each.version} in ${each.source.suite}`).join(', ')}`
          : virtual.length > 0
            ? `it is provided by ${virtual.slice(0, 10).join(', ')}: name one of them`
            : `no package of that name in ${suites} for ${archive.architecture}`,
    })
  }
  if (mark === undefined) return
  pins.set(name, chosen)
  WISHED.add(chosen)
}

function nameOf(wish: string): string {
  return wish.replace(/[=/].*/s, '')
}

function isNative({ qualifier }: Relation, architecture: string): boolean {
  return qualifier === undefined || qualifier === 'any' || qualifier === 'native' || qualifier === architecture
}

function provides(package_: Package, relation: Relation): boolean {
  return package_.provides.some((provided) => provided.name === relation.name && matches(relation, provided.version))
}

const PRIORITIES = ['required', 'important', 'standard', 'optional', 'extra']

/** apt: the more important provider first, else in the index's order. */
function byStanding(a: Package, b: Package): number {
  return Number(b.essential) - Number(a.essential) || PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority)
}

function unsatisfiable(archive: Archive, dependency: Dependency, by: Package): LangrunError {
  const there = dependency.flatMap(({ name }) => archive.find(name)).map((each) => `${each.name} ${each.version}`)
  return new LangrunError('not-found', `cannot satisfy ${by.name} ${by.version}: it depends on ${renderDependency(dependency)}`, {
    cause: there.length > 0 ? `there is only ${there.join(', ')}` : 'no package of that name can be had',
  })
}

/** The order in which packages are configured: what a package depends on comes before it. */

import type { Package } from './package.ts'

/** The packages that satisfy each dependency, for those that are not left out. */
export type SatisfiedBy = (package_: Package) => { readonly preDepends: readonly Package[]; readonly depends: readonly Package[] }

/**
 * Depth first from the roots, in their order. Where packages depend on one another in a circle, the one that was reached first
 * comes last of them, but Pre-Depends are followed before Depends: they must never be the ones that are broken.
 */
export function inOrder(roots: readonly Package[], satisfiedBy: SatisfiedBy): Package[] {
  const reached = new Set<Package>()
  const ordered: Package[] = []
  const visit = (package_: Package): void => {
    if (reached.has(package_)) return
    reached.add(package_)
    const { preDepends, depends } = satisfiedBy(package_)
    for (const each of preDepends) visit(each)
    for (const each of depends) visit(each)
    ordered.push(package_)
  }
  for (const root of roots) visit(root)
  return ordered
}

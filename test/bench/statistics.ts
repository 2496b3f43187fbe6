/** What a list of measurements says, in the same unit. */

export interface Summary {
  readonly count: number
  readonly median: number
  readonly p10: number
  readonly p90: number
}

export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b)
  return { count: sorted.length, median: quantile(sorted, 0.5), p10: quantile(sorted, 0.1), p90: quantile(sorted, 0.9) }
}

/** Linear between the two nearest. */
function quantile(sorted: readonly number[], fraction: number): number {
  const at = (sorted.length - 1) * fraction
  const below = sorted[Math.floor(at)]
  const above = sorted[Math.ceil(at)]
  if (below === undefined || above === undefined) throw new Error('there is nothing to summarize')
  return below + (above - below) * (at - Math.floor(at))
}

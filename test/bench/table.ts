/** How the figures are shown: one row each, all in one table. */

/** One line of the answer; `--json` gives these as they are. */
export interface Row {
  /** A language, or `install`, `size`, `parallel`. */
  readonly group: string
  readonly what: string
  readonly unit: 'ms' | 's' | 'bytes' | 'count'
  readonly count: number
  /** Undefined where it could not be measured; `note` says why. */
  readonly median?: number
  readonly p10?: number
  readonly p90?: number
  /** Over the floor. */
  readonly over?: number
  /** The overhead as a part of bubblewrap's. */
  readonly ratio?: number
  readonly bounds?: readonly Bound[]
  readonly note?: string
}

/** A figure to hold (DESIGN §7) beside what was measured. */
export interface Bound {
  readonly of: string
  readonly most: number
  readonly measured: number
  readonly met: boolean
}

export function bound(of: string, most: number, measured: number): Bound {
  return { of, most, measured, met: measured <= most }
}

const HEADER = ['', 'what', 'n', 'median', 'p10', 'p90', 'over floor', '× bwrap', 'bounds, notes']

export function renderTable(rows: readonly Row[]): string {
  const lines = [HEADER, ...rows.map(cells)]
  const widths = HEADER.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const isText = (column: number) => column < 2 || column === HEADER.length - 1
  const show = (line: string[]) =>
    line.map((cell, column) => (isText(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
  const shown = lines.map((line) => show(line).join('  ').trimEnd())
  return `${[shown[0], widths.map((width) => '─'.repeat(width)).join('──'), ...shown.slice(1)].join('\n')}\n`
}

function cells(row: Row, at: number, rows?: readonly Row[]): string[] {
  const { group, what, unit, count, median, p10, p90, over, ratio, bounds = [], note } = row
  const number = (value: number | undefined) => (value === undefined ? '' : format(value, unit))
  const remarks = [...bounds.map((it) => `${it.of} ≤ ${it.most}: ${it.met ? 'met' : 'NOT MET'}`), ...(note === undefined ? [] : [note])]
  const first = at === 0 || rows?.[at - 1]?.group !== group
  const value = median === undefined ? '-' : `${number(median)} ${unit === 'bytes' || unit === 'count' ? '' : unit}`.trim()
  return [
    first ? group : '',
    what,
    String(count),
    value,
    number(p10),
    number(p90),
    over === undefined ? '' : signed(over),
    fixed(ratio),
    remarks.join('; '),
  ]
}

function format(value: number, unit: Row['unit']): string {
  return unit === 'bytes' || unit === 'count' ? value.toLocaleString('en') : value.toFixed(2)
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(2)}`
}

function fixed(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(2)
}

/** How langrun talks: answers on stdout, everything else on stderr; bars on a terminal, one line a step elsewhere, JSON for machines. */

import type { Progress, Step } from '../base/progress.ts'

export interface Terminal {
  readonly isTerminal: boolean
  readonly columns: number
  write(text: string): void
}

/** Milliseconds between two drawings of a bar. */
const REDRAW = 80

/** A bar that redraws its line, and leaves a line for each finished step. */
export function barProgress(terminal: Terminal): Progress {
  return {
    begin(name, total) {
      let drawn = 0
      let shown: { done: number; total: number | undefined } = { done: 0, total }
      const draw = (): void => terminal.write(`\r\x1b[K${barLine(name, shown.done, shown.total, terminal.columns)}`)
      draw()
      return {
        update(done, newTotal) {
          shown = { done, total: newTotal ?? shown.total }
          const now = Date.now()
          if (now - drawn < REDRAW) return
          drawn = now
          draw()
        },
        end: (note) => terminal.write(`\r\x1b[K${name}${note === undefined ? '' : `: ${note}`}\n`),
      }
    },
  }
}

/** A line when a step begins, so that a reader sees what is being waited for; another if it ends with a note. */
export function lineProgress(write: (text: string) => void): Progress {
  return {
    begin(name) {
      write(`${name}\n`)
      return step((note) => void (note === undefined || write(`${name}: ${note}\n`)))
    },
  }
}

/** `{"event":"begin","step":"…"}` and so on, a line each. */
export function jsonProgress(write: (text: string) => void): Progress {
  const emit = (event: Record<string, unknown>): void => write(`${JSON.stringify(event)}\n`)
  return {
    begin(name, total) {
      emit({ event: 'begin', step: name, total })
      return step((note) => emit({ event: 'end', step: name, note }))
    },
  }
}

function step(end: Step['end']): Step {
  return { update() {}, end }
}

const BAR_WIDTH = 24

function barLine(name: string, done: number, total: number | undefined, columns: number): string {
  if (total === undefined || total === 0) return `${name} …`.slice(0, columns)
  const share = Math.min(1, done / total)
  const filled = Math.round(share * BAR_WIDTH)
  const bar = `${'━'.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}`
  return `${name} ${bar} ${Math.floor(share * 100)} %`.slice(0, columns)
}

/** Rows with aligned columns, two spaces apart. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, index) => Math.max(all[index] ?? 0, cell.length)), [])
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, index) => cell.padEnd(widths[index]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** `73 MB`: decimal, as disk and network sizes are. */
export function megabytes(bytes: number): string {
  return bytes < 10e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.round(bytes / 1e6)} MB`
}

/** How long work tells what it is doing. Silent by default; only `cli` draws. */

export interface Progress {
  /** A step begins; `total` in bytes or items where it is known. */
  begin(step: string, total?: number): Step
}

export interface Step {
  /** `done` so far, in the unit of `total`. */
  update(done: number, total?: number): void
  /** The step is over; `note` says what came of it. */
  end(note?: string): void
}

export const silent: Progress = { begin: () => ({ update() {}, end() {} }) }

/** How large what we ship is. */

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { LANGRUN } from '../machine.ts'
import type { Machine, Subject } from './machine.ts'
import { bound, type Row } from './table.ts'

/** DESIGN §7. */
const LARGEST_RUNNER = 100 * 1024

export function measureSizes({ system }: Machine, { language }: Subject): Row[] {
  const runner = statSync(join(system.store, 'runners', language.name)).size
  return [
    { group: 'size', what: 'a runner', unit: 'bytes', count: 1, median: runner, bounds: [bound('bytes', LARGEST_RUNNER, runner)] },
    { group: 'size', what: 'dist/langrun', unit: 'bytes', count: 1, median: statSync(LANGRUN).size },
  ]
}

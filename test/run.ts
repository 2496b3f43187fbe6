/**
 * Run rings of tests: `run.ts unit kernel …`, each the folder of that name; `sample` is a fair sample of `languages`.
 *
 * The last line is `N passed, N failed, N skipped`. With LANGRUN_MUST_WORK=1 a skipped test is a failed one.
 */

import { globSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const rings = process.argv.slice(2)
const counts = { passed: 0, failed: 0, skipped: 0 }
const mustWork = process.env['LANGRUN_MUST_WORK'] === '1'

for (const ring of rings) {
  const folder = ring === 'sample' ? 'languages' : ring
  const files = globSync(join(import.meta.dirname, folder, '*.test.ts')).sort()
  if (files.length === 0) throw new Error(`there are no tests in ${folder}`)
  process.stdout.write(`\n── ${ring} ──\n`)
  if (ring === 'sample') process.env['LANGRUN_TEST_SAMPLE'] = '1'
  // One file at a time outside `unit`: they share one machine, its registry and its users.
  const stream = run({ files, concurrency: ring === 'unit' ? 2 : 1, timeout: 1_800_000 })
  stream.on('test:pass', count).on('test:fail', (data) => count(data, true))
  for await (const piece of stream.compose(spec)) process.stdout.write(piece)
}

process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
process.exitCode = counts.failed > 0 ? 1 : 0

interface Outcome {
  readonly name: string
  readonly skip?: string | boolean
  readonly details: { readonly type?: string }
}

function count(data: Outcome, failed = false): void {
  if (data.details.type === 'suite') return
  if (data.skip !== undefined && data.skip !== false) {
    counts[mustWork ? 'failed' : 'skipped']++
    if (mustWork) process.stdout.write(`skipped although it must work: ${data.name}: ${data.skip}\n`)
  } else counts[failed ? 'failed' : 'passed']++
}

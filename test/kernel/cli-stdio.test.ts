/** What langrun leaves of itself in the program that it becomes: nothing. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LANGRUN } from '../machine.ts'

const O_NONBLOCK = 0o4000

test('standard input, output and error are as they were: reading waits', async () => {
  const home = mkdtempSync(join(tmpdir(), 'langrun-test-stdio-'))
  try {
    const command = 'for fd in 0 1 2; do grep flags /proc/self/fdinfo/$fd; done; read -r line; echo "$line"'
    const child = spawn(LANGRUN, ['shell', '--', 'sh', '-c', command], { env: { HOME: home, PATH: process.env['PATH'] } })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
      if (stdout.split('\n').length === 4) setTimeout(() => child.stdin.end('late\n'), 100)
    })
    await new Promise((resolve) => child.once('close', resolve))
    const lines = stdout.trimEnd().split('\n')
    assert.deepEqual(
      lines.map((line) => (line.startsWith('flags:') ? Number.parseInt(line.split('\t')[1]!, 8) & O_NONBLOCK : line)),
      [0, 0, 0, 'late'],
    )
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
})

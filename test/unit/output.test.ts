/** How langrun talks: errors, progress, tables; and README's list of commands against `--help`. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exitStatus, explainDisk, LangrunError, render, renderLine } from '../../src/base/error.ts'
import { barProgress, jsonProgress, lineProgress, megabytes, table } from '../../src/cli/output.ts'
import { needs, ROOT } from '../machine.ts'

const inner = new LangrunError('network', 'cannot reach x', { cause: new Error('refused'), hint: 'inner hint' })
const outer = new LangrunError('not-installed', 'cannot run a.rb', { cause: inner })

test('an error is what could not be done, every cause, and the outermost hint', () => {
  assert.equal(render(outer), 'langrun: cannot run a.rb\n  because: cannot reach x\n  because: refused\n  hint: inner hint')
  assert.equal(
    render(new LangrunError('usage', 'cannot x', { cause: inner, hint: 'outer hint' }))
      .split('\n')
      .at(-1),
    '  hint: outer hint',
  )
})

test('in one line it is the same, without what could move the cursor', () => {
  assert.equal(renderLine(outer), 'langrun: cannot run a.rb: cannot reach x: refused; inner hint')
  assert.equal(renderLine(new LangrunError('usage', 'cannot run \x1b[2J.rb')), 'langrun: cannot run ?[2J.rb')
})

test('the exit codes are those of README', () => {
  const codes = ['usage', 'not-found', 'not-installed', 'network', 'untrusted', 'damaged', 'no-space', 'permission', 'interrupted'] as const
  assert.deepEqual(
    codes.map((code) => exitStatus(new LangrunError(code, 'x'))),
    [2, 127, 127, 1, 1, 1, 1, 1, 130],
  )
  assert.equal(exitStatus(new TypeError('a bug')), 70)
})

test('a full or forbidden disk is explained; what is no trouble of the disk stays what it is', () => {
  const trouble = (code: string) => explainDisk(Object.assign(new Error(code), { code }), 'cannot write x') as LangrunError
  assert.deepEqual(
    ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'ENOENT'].map((code) => trouble(code).code),
    ['no-space', 'no-space', 'permission', 'permission', 'permission', 'ENOENT'],
  )
})

test('progress is a line a step where nobody watches', () => {
  const lines: string[] = []
  const step = lineProgress((text) => lines.push(text)).begin('download', 100)
  step.update(50)
  step.end('2 files')
  assert.deepEqual(lines, ['download\n', 'download: 2 files\n'])
})

test('progress is JSON for machines', () => {
  const lines: string[] = []
  const step = jsonProgress((text) => lines.push(text)).begin('download', 100)
  step.end()
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [
      { event: 'begin', step: 'download', total: 100 },
      { event: 'end', step: 'download' },
    ],
  )
})

test('progress is a bar on a terminal, no wider than it', () => {
  let shown = ''
  const step = barProgress({ isTerminal: true, columns: 30, write: (text) => (shown += text) }).begin('download', 100)
  step.update(50)
  step.end()
  const lines = shown.split('\r\x1b[K')
  assert.deepEqual(lines, ['', `download ${' '.repeat(21)}`, `download ${'━'.repeat(12)}${' '.repeat(9)}`, 'download\n'])
})

test('tables are aligned and have no blanks at the ends', () => {
  assert.equal(
    table([
      ['a', 'bbb', 'c'],
      ['aaa', 'b', ''],
    ]),
    'a    bbb  c\naaa  b\n',
  )
  assert.deepEqual([0, 1_500_000, 9_990_000, 73_400_000].map(megabytes), ['0.0 MB', '1.5 MB', '10.0 MB', '73 MB'])
})

test("README's commands are those of --help, in name and in number", (t) => {
  const bundle = join(ROOT, 'dist/npm/langrun.mjs')
  if (!needs(t, existsSync(bundle), 'dist/npm/langrun.mjs: npm run build')) return
  const { stdout, status } = spawnSync(process.execPath, [bundle, '--help'], { encoding: 'utf8' })
  assert.equal(status, 0)
  const commands = /^Commands:\n([\s\S]*)/m.exec(stdout)?.[1] ?? ''
  const help = [...commands.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name]) => name).filter((name) => name !== 'help')
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const section = /^## Commands\n([\s\S]*?)^## /m.exec(readme)?.[1] ?? ''
  const cells = [...section.matchAll(/^\| (.*?) \|/gm)].map(([, cell = '']) => cell)
  // "`langrun register`, `unregister`" names two.
  const listed = cells.flatMap((cell) => [...cell.matchAll(/`(?:langrun )?([a-z]+)\b[^`]*`/g)].map(([, name]) => name))
  assert.deepEqual([...new Set(listed)].sort(), [...help].sort())
})

test('each command that answers takes --json', (t) => {
  const bundle = join(ROOT, 'dist/npm/langrun.mjs')
  if (!needs(t, existsSync(bundle), 'dist/npm/langrun.mjs: npm run build')) return
  for (const command of ['install', 'uninstall', 'list', 'info', 'default', 'register', 'unregister', 'status', 'doctor']) {
    const { stdout } = spawnSync(process.execPath, [bundle, command, '--help'], { encoding: 'utf8' })
    assert.match(stdout, /^ {2}--json /m, command)
  }
})

/** A program's built-in string, changed in a real program, and refused in what is none. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { replaceString } from '../../src/build/elf-string.ts'

const SOURCE = `
#include <stdio.h>
#include <stdlib.h>
static const char *place = "/usr/gnemul/qemu-test";
static char zeros[70000];
int main(int argc, char **argv) {
	if (argc > 1) place = argv[1];
	char *more = malloc(1 << 20);
	printf("%s %d %d\\n", place, zeros[argc * 30000], more != NULL);
}
`
const hasCompiler = spawnSync('gcc', ['--version']).status === 0

suite('a built-in string', { skip: hasCompiler ? false : 'needs gcc' }, () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'langrun-test-elf-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const build = (...flags: string[]): Buffer => {
    writeFileSync(join(folder, 'x.c'), SOURCE)
    const { status, stderr } = spawnSync('gcc', ['-O1', ...flags, '-o', join(folder, 'x'), join(folder, 'x.c')], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    return readFileSync(join(folder, 'x'))
  }
  const run = (program: Buffer, ...args: string[]): string => {
    const path = join(folder, `run-${program.length}`)
    writeFileSync(path, program, { mode: 0o755 })
    return spawnSync(path, args, { encoding: 'utf8' }).stdout
  }
  const FROM = '/usr/gnemul/qemu-test'

  for (const [kind, flags] of [
    ['static and for any address, as QEMU', ['-static-pie']],
    ['static', ['-static']],
    ['dynamic', []],
  ] as const) {
    test(`is another in a program that is ${kind}`, () => {
      const to = `/a/much/longer/${'path/'.repeat(40)}`
      const changed = replaceString(build(...flags), FROM, to)
      assert.equal(run(changed), `${to} 0 1\n`)
      assert.equal(run(changed, 'given'), 'given 0 1\n')
    })
  }

  test('is not changed where it is not', () => {
    const program = build('-static-pie')
    assert.throws(() => replaceString(program, '/usr/gnemul/qemu-tes', 'x'), { cause: 'it has no such string' })
    assert.throws(() => replaceString(Buffer.from('#!/bin/sh\n/usr/gnemul/qemu-test\n'), FROM, 'x'), {
      cause: 'it is no little-endian 64-bit ELF file',
    })
  })
})

/** Installations that are killed, and many at once: the store is whole afterwards, and the next command works. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertConsistent, type CliWorld, HELLO, says, startWorld, unlessMissing } from '../kernel/cli-world.ts'

/** How often an installation is killed, each time a little later. */
const KILLS = 20

suite('faults while installing', { concurrency: 1, ...unlessMissing() }, () => {
  let world: CliWorld
  before(async () => {
    world = await startWorld()
    for (const ending of ['lua', 'rb', 'lisp', 'sbcl', 'pl']) world.script(`hello.${ending}`, HELLO)
  })
  after(() => world[Symbol.asyncDispose]())
  const forget = (): void => {
    for (const path of [world.store, world.cache]) rmSync(path, { recursive: true, force: true })
  }
  const NAMES = ['lua', 'ruby', 'clisp', 'sbcl', 'perl']

  test('ten at once share the work: every package is fetched once, and each succeeds', async () => {
    world.archive.requests.length = 0
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, index) => world.langrun('install', NAMES[index % 5]!, NAMES[(index + 1) % 5]!)),
    )
    assert.deepEqual(
      outcomes.map(({ status, stderr }) => (status === 0 ? '' : stderr)),
      Array(10).fill(''),
    )
    const debs = world.archive.requests.filter((it) => it.endsWith('.deb'))
    assert.deepEqual(debs.sort(), [...new Set(debs)].sort())
    assert.equal(debs.length, 7)
    assertConsistent(world.store)
    assert.equal((await world.langrun('list')).stdout.trim().split('\n').length, 5)
    assert.deepEqual(await world.langrun('run', './hello.sbcl', 'x'), says('sbcl: x\n'))
  })

  test('installing and uninstalling at once leaves one or the other, whole', async () => {
    const outcomes = await Promise.all(NAMES.flatMap((name) => [world.langrun('install', name), world.langrun('uninstall', name)]))
    const unexpected = outcomes.filter(({ status, stderr }) => status !== 0 && !stderr.includes('it is not installed'))
    assert.deepEqual(unexpected, [])
    assertConsistent(world.store)
  })

  test('who waits for another is told so', async () => {
    forget()
    world.archive.fault(/ruby.*deb$/, { kind: 'stall', after: 100 }, 1)
    const slow = world.start(['install', 'ruby'])
    while (!world.archive.requests.some((it) => it.includes('ruby_'))) await sleep(20)
    const waiting = world.start(['install', 'lua'])
    await new Promise((resolve) => waiting.child.stderr?.once('data', resolve))
    slow.child.kill('SIGTERM')
    const { stderr, status } = await waiting.outcome
    assert.match(stderr, /^waiting for another langrun to finish\n/)
    assert.equal(status, 0)
    await slow.outcome
  })

  test(`killed at ${KILLS} moments: whole after each, and the next installation works`, async (t) => {
    forget()
    const begun = Date.now()
    assert.equal((await world.langrun('install', 'clisp', 'sbcl')).status, 0)
    const whole = Date.now() - begun
    forget()
    const killed: string[] = []
    for (let kill = 0; kill < KILLS; kill++) {
      const { child, outcome } = world.start(['install', 'clisp', 'sbcl'])
      await sleep(whole * (0.3 + (0.8 * kill) / KILLS))
      child.kill('SIGKILL')
      const { stderr } = await outcome
      killed.push(stderr.trim().split('\n').at(-1) ?? '')
      if (existsSync(world.store)) {
        // Readers do not mind what an interrupted writer left.
        const listed = await world.langrun('list')
        assert.equal(listed.status, 0, listed.stderr)
        if (listed.stdout.includes('clisp')) assert.deepEqual(await world.langrun('run', './hello.lisp'), says('clisp: \n'))
      }
      if (kill % 3 === 2) {
        const next = await world.langrun('install', 'clisp', 'sbcl')
        assert.equal(next.status, 0, `after ${kill}: ${next.stderr}`)
        assertConsistent(world.store)
        assert.deepEqual(await world.langrun('run', './hello.lisp', 'x'), says('clisp: x\n'))
        forget()
      }
    }
    t.diagnostic(`killed during: ${killed.join(', ')}`)
    const last = await world.langrun('install', 'clisp', 'sbcl')
    assert.equal(last.status, 0, last.stderr)
    assertConsistent(world.store)
    assert.deepEqual(
      readdirSync(join(world.cache, 'downloads/sha256')).filter((name) => name.endsWith('.part')),
      [],
    )
    for (const name of ['clisp', 'sbcl']) assert.equal((await world.langrun('uninstall', name)).status, 0)
    assert.deepEqual(readdirSync(join(world.store, 'images')), [])
  })

  test('a maintainer script that outlives its langrun disturbs nobody', async (t) => {
    forget()
    const slow = {
      name: 'ruby',
      version: '9',
      files: {},
      scripts: { postinst: '#!/bin/sh\ni=0\nwhile [ $i -lt 200 ]; do i=$((i+1)); touch /usr/f$i; sleep 0.02; done\n' },
    }
    const { PACKAGES } = await import('../kernel/cli-world.ts')
    await world.archive.publish({ packages: [...PACKAGES.filter(({ name }) => name !== 'ruby'), slow] })
    const { child, outcome } = world.start(['install', 'ruby'])
    let seen = ''
    child.stderr?.on('data', (text) => {
      seen += text
    })
    while (!seen.includes('download')) await sleep(20)
    await sleep(400)
    child.kill('SIGKILL')
    const orphans = world.user.run('pgrep', ['-u', String(world.user.uid), '-f', 'ruby.postinst']).stdout
    t.diagnostic(orphans === '' ? 'it ended with langrun' : 'it goes on')
    for (let round = 0; round < 5; round++) {
      const { status, stderr } = await world.langrun('install', 'lua')
      assert.equal(status, 0, stderr)
      assertConsistent(world.store)
    }
    await outcome
  })
})

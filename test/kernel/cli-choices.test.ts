/** An ending that two installed languages can run: the folder, the script's content, the user's default decide, in this order. */

import assert from 'node:assert/strict'
import { chownSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type CliWorld, HELLO, startWorld, unlessMissing } from './cli-world.ts'

suite('an ending that several languages can run', unlessMissing(), () => {
  let world: CliWorld
  before(async () => {
    world = await startWorld()
    assert.equal((await world.langrun('install', 'clisp', 'sbcl')).status, 0)
    assert.equal((await world.system.langrun('register')).status, 0)
  })
  after(() => world[Symbol.asyncDispose]())

  const hello = async (path: string): Promise<string> => {
    const { stdout, stderr, status } = await world.run(path, ['x'])
    assert.deepEqual({ stderr, status }, { stderr: '', status: 0 })
    return stdout
  }

  test('goes to its owner by default, to another where the user says so, and back', async () => {
    const script = world.script('a/x.lisp', HELLO)
    assert.equal(await hello(script), 'clisp: x\n')
    assert.equal((await world.langrun('default', '.lisp', 'sbcl')).status, 0)
    assert.equal(await hello(script), 'sbcl: x\n')
    assert.equal((await world.langrun('default', 'lisp', 'clisp')).status, 0)
    assert.equal(await hello(script), 'clisp: x\n')
  })

  test('goes where the content clearly belongs', async () => {
    assert.equal(await hello(world.script('a/sb.lisp', `# (sb-ext:quit)\n${HELLO}`)), 'sbcl: x\n')
    assert.equal(await hello(world.script('a/ext.lisp', `# (ext:exit)\n${HELLO}`)), 'clisp: x\n')
  })

  test('goes where the folder says, or a folder above it, until it says otherwise', async () => {
    const script = world.script('b/deep/x.lisp', HELLO)
    const settings = join(world.user.home, 'b/langrun.toml')
    assert.equal(await hello(script), 'clisp: x\n')
    writeFileSync(settings, '[extensions]\nlisp = "sbcl"\n')
    chownSync(settings, world.user.uid, world.user.uid)
    assert.equal(await hello(script), 'sbcl: x\n')
    writeFileSync(settings, '[extensions]\nlisp = "clisp"\n')
    assert.equal(await hello(script), 'clisp: x\n')
    writeFileSync(settings, '[extensions]\nlisp = "sbcl"\n')
    rmSync(settings)
    assert.equal(await hello(script), 'clisp: x\n')
  })

  test("is not decided by somebody else's file in a folder above", async () => {
    const script = world.script('c/deep/x.lisp', HELLO)
    const settings = join(world.user.home, 'c/langrun.toml')
    writeFileSync(settings, '[extensions]\nlisp = "sbcl"\n')
    chownSync(settings, 1, 1)
    assert.equal(await hello(script), 'clisp: x\n')
  })

  test('is decided once: from the second start on langrun is not asked', async () => {
    const script = world.script('d/x.lisp', HELLO)
    assert.equal(await hello(script), 'clisp: x\n')
    const places = [world.store, world.system.store].map((store) => join(store, 'bin/langrun'))
    for (const place of places) renameSync(place, `${place}.away`)
    try {
      assert.equal(await hello(script), 'clisp: x\n')
      writeFileSync(script, `${HELLO}# changed\n`)
      const { status, stderr } = await world.run(script, ['x'])
      assert.equal(status, 125, stderr)
    } finally {
      for (const place of places) renameSync(`${place}.away`, place)
    }
    assert.equal(await hello(script), 'clisp: x\n')
  })

  test('a remembered plan that was cut off, or that others could have written, is made anew', async () => {
    const script = world.script('e/x.lisp', HELLO)
    assert.equal(await hello(script), 'clisp: x\n')
    const folder = join(world.cache, 'scripts')
    for (const damage of ['', 'plan\x001\0\nlanguage\0clisp\0\nexec\0/usr/bin/tru', 'plan\x001\0\nper-script\0again\0\n']) {
      for (const name of readdirSync(folder)) writeFileSync(join(folder, name), damage)
      assert.equal(await hello(script), 'clisp: x\n')
    }
    for (const name of readdirSync(folder)) chownSync(join(folder, name), 1, 1)
    assert.equal(await hello(script), 'clisp: x\n')
  })

  test('goes to the one that is left when the other is uninstalled', async () => {
    const script = world.script('f/x.lisp', HELLO)
    assert.equal(await hello(script), 'clisp: x\n')
    assert.equal((await world.langrun('uninstall', 'clisp')).status, 0)
    assert.equal(await hello(script), 'sbcl: x\n')
    assert.equal((await world.langrun('install', 'clisp')).status, 0)
    assert.equal(await hello(script), 'clisp: x\n')
  })
})

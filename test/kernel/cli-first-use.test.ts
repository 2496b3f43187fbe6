/** The first use of a language that is not installed: asked on a terminal, configured elsewhere, installed once however many want it. */

import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type CliWorld, HELLO, startWorld, unlessMissing } from './cli-world.ts'

/** So many processes want the same language at once. */
const CROWD = 100

/** Runs a program on a terminal of its own, types `answer` when it asks (what follows a `|` two seconds later), prints what was shown. */
const TERMINAL = `
import os, pty, sys, select, time
answers, program = sys.argv[1].encode().decode('unicode_escape').encode().split(b'|'), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0: os.execv(program[0], program)
shown, due, end = b'', None, time.time() + 60
while time.time() < end:
    try:
        if select.select([terminal], [], [], 0.2)[0]: shown += os.read(terminal, 4096)
    except OSError: break
    if due is None and b'[Y/n] ' in shown: due = 0
    if due is not None and answers and time.time() > due:
        os.write(terminal, answers.pop(0))
        due = time.time() + 2
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
sys.stdout.flush()
print('\\nstatus', os.waitstatus_to_exitcode(status))
`

suite('the first use of a language that is not installed', unlessMissing(), () => {
  let world: CliWorld
  before(async () => {
    world = await startWorld()
    assert.equal((await world.system.langrun('register')).status, 0)
  })
  after(() => world[Symbol.asyncDispose]())

  const onTerminal = async (answer: string, script: string): Promise<string> => {
    const { stdout } = await world.run('/usr/bin/python3', ['-c', TERMINAL, answer, script])
    return stdout.replaceAll('\r', '')
  }

  test('without a terminal it fails with the command to type', async () => {
    const script = world.script('x.lua', HELLO)
    assert.deepEqual(await world.run('./x.lua', []), {
      stdout: '',
      stderr: 'langrun: cannot run ./x.lua: lua is not installed; langrun install lua\n',
      status: 127,
      signal: null,
    })
    assert.equal((await world.run(script, [])).status, 127)
  })

  test('on a terminal who says no, or Ctrl-D, gets nothing, and nothing is installed', async () => {
    const script = world.script('x.lua', HELLO)
    for (const no of ['n\\n', 'No\\n', '\\x04']) {
      const shown = await onTerminal(no, script)
      assert.match(shown, /lua is not installed\. Install it now\? \[Y\/n\] /)
      assert.match(shown, /status 127\n$/)
    }
    assert.equal((await world.langrun('list', '--json')).stdout, '[]\n')
  })

  test('on a terminal Ctrl-C in the middle leaves nothing half-done', async () => {
    const script = world.script('x.lua', HELLO)
    world.archive.fault(/lua5\.4/, { kind: 'stall', after: 10 }, 1)
    const shown = await onTerminal('y\\n|\\x03', script)
    assert.match(shown, /status -2\n$/)
    assert.match(shown, /download/)
    assert.equal((await world.langrun('list', '--json')).stdout, '[]\n')
  })

  test('on a terminal who says yes sees the installation, and then the script runs', async () => {
    const script = world.script('x.lua', HELLO)
    const shown = await onTerminal('\\n', script)
    assert.match(shown, /configuring lua/)
    assert.match(shown, /lua5\.4: \n/)
    assert.match(shown, /status 0\n$/)
    assert.equal((await world.run(script, ['now'])).stdout, 'lua5.4: now\n')
  })

  test('configured, it installs anywhere, and stdout is the script’s alone', async () => {
    world.configure(world.user, { '.config/langrun/config.toml': always(world) })
    const script = world.script('x.pl', HELLO)
    const { stdout, stderr, status } = await world.run(script, ['a b'])
    assert.deepEqual({ stdout, status }, { stdout: 'perl: a b\n', status: 0 })
    assert.match(stderr, /configuring perl/)
  })

  test(`${CROWD} at once install it once, and all run`, async () => {
    const script = world.script('x.rb', HELLO)
    const before = world.archive.requests.length
    const crowd = await Promise.all(Array.from({ length: CROWD }, (_, index) => world.run(script, [String(index)])))
    assert.deepEqual(
      crowd.map(({ stdout, status }) => ({ stdout, status })),
      Array.from({ length: CROWD }, (_, index) => ({ stdout: `ruby: ${index}\n`, status: 0 })),
    )
    const fetched = world.archive.requests.slice(before).filter((request) => JSON.stringify(request).includes('.deb'))
    assert.equal(fetched.length, 1, JSON.stringify(fetched))
    assert.deepEqual(readdirSync(join(world.store, 'tmp')), [])
  })

  test('a word that the configuration does not know is named', async () => {
    writeFileSync(join(world.user.home, '.config/langrun/config.toml'), 'install-on-first-use = "maybe"\n')
    const { stderr, status } = await world.langrun('list')
    assert.deepEqual(
      { status, cause: stderr.split('\n')[1] },
      { status: 2, cause: '  because: install-on-first-use: it must be ask, always or never' },
    )
  })
})

function always(world: CliWorld): string {
  const { url } = world.archive
  return `mirror = "${url}"\nsecurity-mirror = "${url}"\nkeys = ["${join(world.user.home, 'archive.asc')}"]\ninstall-on-first-use = "always"\n`
}

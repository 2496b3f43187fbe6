/** A language bound to a first line, and `why`: what would run a file, compared with what does. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type CliWorld, complains, HELLO, says, startWorld, unlessMissing } from './cli-world.ts'

suite('a first line, and why', { concurrency: 1, ...unlessMissing() }, () => {
  let world: CliWorld
  const magic = `#5318008-${process.pid}`
  before(async () => {
    world = await startWorld()
    assert.equal((await world.langrun('install', 'lua', 'clisp')).status, 0)
    world.script('bound', `${magic}\n${HELLO}`)
    world.script('bound.lisp', `${magic}\n${HELLO}`)
    world.script('hello.lisp', HELLO)
    world.script('shebang.lisp', '#!/bin/sh\necho "shell: $*"\n')
    world.script('nothing', HELLO)
    world.script('absent.rb', HELLO)
    // Mounts the registry where nobody has.
    assert.equal(world.system.langrun('register').status, 0)
  })
  after(async () => await world[Symbol.asyncDispose]())

  const why = async (...args: string[]) => {
    const outcome = await world.langrun('why', ...args)
    // This machine may have a langrun of its own, and other tests, whose entries match as well.
    const own = outcome.stdout.replaceAll(/^ +(\S+) matches too, .*\n/gm, (line, name) =>
      name.startsWith(world.system.prefix) ? line : '',
    )
    const { stdout, ...rest } = world.redact({ ...outcome, stdout: own.replaceAll(world.system.prefix, 'PREFIX-') })
    return { ...rest, stdout: stdout.replaceAll(Buffer.from(magic).toString('hex'), 'MAGIC') }
  }
  const json = async (file: string) => JSON.parse((await why(file, '--json')).stdout)

  test('only root binds, and not to #!', async () => {
    assert.deepEqual(
      await world.langrun('binfmt', 'bind', 'lua', '--magic', magic),
      complains(
        'langrun: cannot bind a language for the whole machine\n  because: you are not root\n  hint: sudo langrun binfmt bind; without root, languages run in: langrun shell\n',
        1,
      ),
    )
    assert.deepEqual(
      world.system.langrun('binfmt', 'bind', 'lua', '--magic', '#!lua'),
      complains(
        'langrun: cannot bind lua to "#!lua"\n  because: what begins with #! names its interpreter itself\n  hint: choose a comment of your own: #5318008\n',
        2,
      ),
    )
  })

  test('only root adds, keeps, switches and removes entries', async () => {
    const entry = ['--extension', 'lrx', '--interpreter', '/bin/cat']
    const refusals = await Promise.all(
      [['add', 'lrx', ...entry], ['add', 'lrx', ...entry, '--persist'], ['disable']].map(async (words) => {
        const { stdout, stderr, status } = await world.langrun('binfmt', ...words)
        return [stdout, stderr.split('\n')[0], status]
      }),
    )
    assert.deepEqual(refusals, [
      ['', 'langrun: cannot register lrx with the kernel', 1],
      ['', 'langrun: cannot write down what is to be registered after each boot', 1],
      ['', 'langrun: cannot switch binfmt_misc off', 1],
    ])
  })

  test("a file with that first line runs with the language, whatever its name ends in, and with its user's own image", async () => {
    assert.equal(world.system.langrun('register').status, 0)
    const bound = world.system.langrun('binfmt', 'bind', 'lua', '--magic', magic)
    assert.deepEqual({ ...bound, stdout: '' }, says(''))
    assert.match(
      bound.stdout,
      /^langrun-test-\d+-lua-[0-9a-f]+: files that begin with .* run with lua, whatever their names\nafter each boot systemd-binfmt registers /,
    )
    assert.deepEqual(await world.run('./bound', ['a b', '']), says('lua5.4: a b \n'))
    assert.deepEqual(await world.run('./bound.lisp', ['x']), says('lua5.4: x\n'))
    assert.deepEqual(await world.run('./hello.lisp', ['x']), says('clisp: x\n'))
    assert.deepEqual(await world.run(join(world.user.home, 'bound'), ['y'], { cwd: '/usr/share' }), says('lua5.4: y\n'), 'by the slow path')
  })

  test('why tells the rule, the language and all that follows from it', async () => {
    const answer = await why('bound.lisp')
    assert.deepEqual(
      { ...answer, stdout: answer.stdout.replace(/^(reads, writes +).*$/m, '$1FOLDERS').replace(/^(of its image +).*$/m, '$1FOLDERS') },
      says(`file           bound.lisp
decided by     its first bytes
entry          PREFIX-lua-MAGIC (MAGIC)
               PREFIX-lisp matches too, but was registered earlier: the last one wins
language       lua 1.0, bound to its first bytes
profile        home
image          SHA256 in ~/.local/share/langrun
plan           ~/.local/share/langrun/plans/lua.home
reads, writes  FOLDERS
of its image   FOLDERS
network        the host's
`),
    )
    const { sees, ...language } = (await json('hello.lisp')).language
    assert.deepEqual(language, {
      name: 'clisp',
      chosen: 'default',
      installed: true,
      version: '1.0',
      image: 'SHA256',
      store: '~/.local/share/langrun',
      profile: 'home',
      plan: '~/.local/share/langrun/plans/clisp.home',
    })
    assert.ok(sees.readWrite.includes('/home') && sees.readWrite.includes('/tmp') && sees.image.includes('/usr') && sees.network === 'host')
  })

  const RULES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'shebang.lisp': { by: 'shebang', interpreter: '/bin/sh', entry: 'PREFIX-lisp', language: null },
    nothing: {
      by: 'none',
      interpreter: '/bin/sh',
      entry: null,
      language: null,
      note: 'no rule matches: the kernel refuses it, and a shell runs it as a shell script, which it may not be',
    },
    'absent.rb': { by: 'extension', entry: 'PREFIX-rb', note: 'ruby is not installed: langrun install ruby' },
    '/bin/sh': { by: 'elf', interpreter: null, entry: null, note: null },
  }
  for (const [file, expected] of Object.entries(RULES)) {
    test(`why ${file}: by ${expected['by']}`, async () => {
      const answer = await json(file)
      assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, answer[key]])), expected)
    })
  }

  test('why runs nothing, and says what it cannot look at', async () => {
    assert.deepEqual(await why('absent'), complains('langrun: cannot look at absent\n  because: there is no such file\n', 127))
    assert.deepEqual(
      await why('.'),
      complains('langrun: cannot look at .\n  because: it is not a regular file: the kernel runs no other\n', 2),
    )
    assert.deepEqual(await world.run('./shebang.lisp', ['x']), says('shell: x\n'))
  })

  test('unregister takes the binding back as well', async () => {
    assert.equal(world.system.langrun('unregister').status, 0)
    assert.equal((await json('bound')).by, 'none')
  })
})

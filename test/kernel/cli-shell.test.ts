/** The rootless way: `langrun shell`, as an ordinary user, with a program and on a terminal. */

import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { LANGRUN, REGISTRY } from '../machine.ts'
import { type CliWorld, complains, HELLO, says, startWorld, unlessMissing } from './cli-world.ts'

/** Types into a terminal when what it waits for has appeared; prints all that the terminal showed, and the exit code. */
const TERMINAL = `
import os, pty, select, sys, time, signal
steps = eval(sys.argv[1])
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen, at, deadline = b'', 0, time.time() + 20
def read():
    global seen
    if not select.select([fd], [], [], 0.05)[0]: return True
    try: data = os.read(fd, 4096)
    except OSError: return False
    seen += data
    return bool(data)
for wait, text in steps:
    while wait.encode() not in seen[at:]:
        if not read() or time.time() > deadline:
            print('waited in vain for', repr(wait), 'after', repr(seen)); os.kill(pid, signal.SIGKILL); sys.exit(99)
    at = seen.index(wait.encode(), at) + len(wait)
    os.write(fd, text.encode())
while read() and time.time() < deadline: pass
_, status = os.waitpid(pid, 0)
sys.stdout.write(seen.decode().replace('\\r', ''))
print('exit', os.waitstatus_to_exitcode(status))
`

suite('langrun shell', { concurrency: 1, ...unlessMissing() }, () => {
  let world: CliWorld
  before(async () => {
    world = await startWorld()
    assert.equal((await world.langrun('install', 'lua', 'ruby')).status, 0)
    for (const ending of ['lua', 'rb', 'lisp']) world.script(`hello.${ending}`, HELLO)
    world.script('exit.lua', 'exit 7\n')
    world.script('nested.lua', 'echo "in $LANGUAGE" && ./nested.rb "$@"\n')
    world.script('nested.rb', 'echo "in $LANGUAGE" && ./hello.lua "$@"\n')
    world.script('wait.lua', 'trap "echo resumed" CONT; echo waiting; while :; do sleep 0.1; done\n')
    world.script('terminal.py', TERMINAL)
  })
  after(() => world[Symbol.asyncDispose]())

  const terminal = async (steps: readonly (readonly [string, string])[], ...command: string[]): Promise<string> => {
    const list = `[${steps.map(([wait, text]) => `(${JSON.stringify(wait)}, ${JSON.stringify(text)})`).join(', ')}]`
    const environment = { PS1: 'ready> ', SHELL: '/bin/bash', HISTFILE: '' }
    const { stdout, stderr } = await world.run('/usr/bin/python3', [join(world.user.home, 'terminal.py'), list, ...command], {
      environment,
    })
    assert.equal(stderr, '')
    return stdout
  }

  test('runs a program in which languages are dot-slash, with its exit code', async () => {
    assert.deepEqual(await world.langrun('shell', '--', './hello.lua', 'a b', ''), says('lua5.4: a b \n'))
    assert.deepEqual(await world.langrun('shell', './hello.lua', '-x', '--json'), says('lua5.4: -x --json\n'))
    assert.deepEqual(await world.langrun('shell', '--', './exit.lua'), says('', 7))
    assert.deepEqual(await world.langrun('shell', '--', 'sh', '-c', 'kill -TERM $$'), {
      stdout: '',
      stderr: '',
      status: null,
      signal: 'SIGTERM',
    })
  })

  test('what is not there is said', async () => {
    assert.deepEqual(
      await world.langrun('shell', '--', 'no-such-program'),
      complains('langrun: cannot find the program no-such-program\n  because: it is in no folder of PATH\n', 127),
    )
    assert.deepEqual(
      await world.langrun('shell', '--', './hello.lisp'),
      complains('langrun: cannot run ./hello.lisp: clisp is not installed; langrun install clisp\n', 127),
    )
  })

  test('scripts start scripts of other languages from inside, and what is installed inside is there at once', async () => {
    assert.deepEqual(await world.langrun('shell', '--', './nested.lua', 'x'), says('in lua5.4\nin ruby\nlua5.4: x\n'))
    const { stdout, status } = await world.langrun('shell', '--', 'sh', '-c', `${LANGRUN} install clisp 2>/dev/null >&2; ./hello.lisp x`)
    assert.deepEqual({ stdout, status }, { stdout: 'clisp: x\n', status: 0 })
    assert.deepEqual(await world.langrun('shell', '--', LANGRUN, 'shell', '--', './hello.lua'), says('lua5.4: \n'), 'a shell in a shell')
  })

  test('everything else is as outside: user, files, folder, input and output', async () => {
    const probe = 'id -un; pwd; echo $LANGRUN_SHELL; touch made-inside; ls -l made-inside | cut -d" " -f3; cat; echo err >&2'
    writeFileSync(join(world.user.home, 'given'), 'given\n')
    const outcome = await world.run('sh', ['-c', `cd .. && cd - >/dev/null && ${LANGRUN} shell -- sh -c '${probe}' <given`], {
      cwd: world.user.home,
    })
    assert.deepEqual(world.redact(outcome), { stdout: 'USER\n~\n1\nUSER\ngiven\n', stderr: 'err\n', status: 0, signal: null })
  })

  test('nothing of it is seen outside, not even while it runs', async () => {
    const before = readdirSync(REGISTRY)
    const running = world.start(['shell', '--', 'sh', '-c', `ls ${REGISTRY} | grep -c .; read line`], { input: '' })
    assert.deepEqual(readdirSync(REGISTRY), before)
    const { stdout } = await running.outcome
    assert.ok(Number(stdout) > 20, 'the registry inside has its endings')
    assert.deepEqual(readdirSync(REGISTRY), before)
  })

  test("on a terminal it is the user's own shell: prompt, commands, exit code", async () => {
    const shown = await terminal(
      [
        ['$ ', './hello.lua typed\n'],
        ['lua5.4: typed', ''],
        ['$ ', 'exit 3\n'],
      ],
      LANGRUN,
      'shell',
    )
    assert.match(shown, /lua5\.4: typed\n/)
    assert.match(shown, /exit 3\n$/)
  })

  test('Ctrl-C ends the script and not the shell; Ctrl-Z stops it, fg goes on', async () => {
    const shown = await terminal(
      [
        ['$ ', './wait.lua\n'],
        ['waiting', '\u0003'],
        ['$ ', 'echo "status $?"\n'],
        ['status 130', ''],
        ['$ ', './wait.lua\n'],
        ['waiting', '\u001a'],
        ['Stopped', ''],
        ['$ ', 'fg\n'],
        ['resumed', '\u0003'],
        ['$ ', 'exit 4\n'],
      ],
      LANGRUN,
      'shell',
    )
    assert.match(shown, /exit 4\n$/)
  })

  test('it says how to make every login shell such a one', async () => {
    const { stdout, status } = await world.langrun('shell', '--hook')
    assert.match(stdout, /^# langrun: dot-slash in every login shell/)
    assert.equal(status, 0)
  })
})

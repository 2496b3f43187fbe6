/** Job control on a real terminal, and the profiles that put a small parent in between. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { as, DAEMON, homePlan, makeWorld, ok, type Record, unlessMissing, type World } from './launcher-world.ts'

/** Types into a bash on a terminal of its own: steps of [what to wait for, what to type], "WINCH" for a resize. */
const DRIVER = `
import os, pty, sys, time, select, json, fcntl, termios, struct
steps = json.loads(sys.argv[1])
pid, fd = pty.fork()
if pid == 0:
    os.execvp("/usr/bin/setpriv", ["setpriv", *sys.argv[2:], "/bin/bash", "--norc", "--noediting", "-i"])
seen, at, end = "", 0, time.time() + 20
def pump(wanted):
    global seen, at
    while True:
        found = seen.find(wanted, at)
        if found >= 0:
            at = found + len(wanted)
            return True
        if time.time() > end: return False
        if select.select([fd], [], [], 0.5)[0]:
            try: seen += os.read(fd, 4096).decode(errors="replace")
            except OSError: return False
for wanted, typed in steps:
    if not pump(wanted):
        print("waited in vain for", repr(wanted), "in", repr(seen)); sys.exit(1)
    time.sleep(0.1)
    if typed == "WINCH": fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    else: os.write(fd, typed.encode())
print("done")
`

describe('on a terminal', unlessMissing(), () => {
  let world: World
  let hasPython: boolean
  before(() => {
    world = makeWorld()
    hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0
    world.install(DAEMON, homePlan(world.image))
    // As `project` and `sealed`: a pid namespace with its own /proc.
    const withPid = homePlan(world.image).flatMap((record): Record[] =>
      record[0] === 'root'
        ? [['namespace', 'pid'], record]
        : record[0] === 'host' && record[1] === '/proc'
          ? [['proc', '/proc']]
          : [record],
    )
    world.install(DAEMON, withPid, 'caged')
  })
  after(() => world.dispose())

  const type = (profile: string, steps: [string, string][]) => {
    const env = { HOME: world.home(DAEMON), PATH: '/usr/bin:/bin', PS1: 'prompt> ', LANGRUN_PROFILE: profile, TERM: 'dumb' }
    const options = ['--reuid', '1', '--regid', '1', '--clear-groups', '--']
    const done = spawnSync('python3', ['-c', DRIVER, JSON.stringify(steps), ...options], {
      env: { ...process.env, ...env },
      cwd: world.home(DAEMON),
      encoding: 'utf8',
      timeout: 30_000,
    })
    return done.stdout.trim() || done.stderr
  }

  for (const profile of ['home', 'caged']) {
    describe(`a script (profile ${profile})`, () => {
      it('stops by Ctrl-Z, goes on by fg and bg, ends by Ctrl-C', (t) => {
        if (!hasPython) return t.skip('needs python3')
        const path = world.script(DAEMON, 'trap "echo inter""rupted; exit 3" INT; echo rea""dy; while :; do sleep 0.1; done')
        const steps: [string, string][] = [
          ['prompt> ', `${path}\n`],
          ['ready', '\x1a'],
          ['Stopped', ''],
          ['prompt> ', 'echo status=$?\n'],
          ['status=148', 'jobs; fg\n'],
          ['Stopped', ''],
          [path, '\x03'],
          ['interrupted', 'echo "status"=$?\n'],
          ['status=3', `${path} & sleep 0.5; kill %1; wait %1; echo "ended"=$?\n`],
          ['ended=143', 'exit\n'],
        ]
        // The parent of a pid namespace can only stop itself by SIGSTOP, which bash shows as 147.
        if (profile === 'caged') steps[4] = ['status=147', 'jobs; fg\n']
        assert.equal(type(profile, steps), 'done')
      })

      it('learns of a resize, and has the terminal as its own', (t) => {
        if (!hasPython) return t.skip('needs python3')
        const path = world.script(
          DAEMON,
          'trap "stty size; exit" WINCH; tty -s && echo te""rminal; : >/dev/tty && echo own; while :; do sleep 0.1; done',
        )
        assert.equal(
          type(profile, [
            ['prompt> ', `${path}\n`],
            ['terminal', ''],
            ['own', 'WINCH'],
            ['33 77', 'exit\n'],
          ]),
          'done',
        )
      })
    })
  }

  describe('in a pid namespace a script', () => {
    const env = { LANGRUN_PROFILE: 'caged' }
    const start = (text: string, ...args: string[]) => as(world, DAEMON, [world.script(DAEMON, text), ...args], { env })

    it('ends with its own status or signal', () => {
      for (const status of [0, 1, 125, 255]) assert.equal(start('exit $1', String(status)).status, status)
      for (const signal of ['SIGTERM', 'SIGKILL', 'SIGSEGV'])
        assert.equal(start(`ulimit -c 0; kill -${signal.slice(3)} $$; sleep 5`).signal, signal)
    })

    it('sees its own processes only', () => {
      assert.deepEqual(start('echo $$; for p in /proc/[0-9]*; do echo ${p#/proc/}; done'), ok('2\n1\n2\n'))
    })

    it('takes all its processes along when it ends', () => {
      rmSync(join(world.home(DAEMON), 'late'), { force: true })
      assert.deepEqual(start('(sleep 0.3; : >late) >/dev/null 2>&1 & true'), ok(''))
      spawnSync('sleep', ['0.6'])
      assert.equal(existsSync(join(world.home(DAEMON), 'late')), false)
    })

    it('gets the signals that are sent to its parent, once', async () => {
      const path = world.script(
        DAEMON,
        'n=0; trap "n=\\$((n + 1)); echo usr1" USR1; trap "echo term \\$n; exit 5" TERM; echo ready; while :; do sleep 0.05; done',
      )
      const child = spawn('/usr/bin/setpriv', ['--reuid', '1', '--regid', '1', '--clear-groups', '--', path], {
        env: { HOME: world.home(DAEMON), PATH: '/usr/bin', ...env },
        cwd: world.home(DAEMON),
      })
      let output = ''
      const said = (wanted: string) =>
        new Promise<void>((resolve) => {
          const look = () => (output.includes(wanted) ? resolve() : setTimeout(look, 10))
          look()
        })
      child.stdout.on('data', (data) => (output += data))
      const status = new Promise((resolve) => child.on('close', resolve))
      await said('ready')
      child.kill('SIGUSR1')
      await said('usr1')
      child.kill('SIGTERM')
      assert.equal(await status, 5)
      assert.equal(output, 'ready\nusr1\nterm 1\n')
    })

    it('dies with its parent', async () => {
      const pidFile = join(world.home(DAEMON), 'alive')
      const path = world.script(DAEMON, `while :; do date +%s%N >alive 2>/dev/null; sleep 0.05; done`)
      writeFileSync(pidFile, '', { mode: 0o666 })
      spawnSync('chown', ['1:1', pidFile])
      const child = spawn('/usr/bin/setpriv', ['--reuid', '1', '--regid', '1', '--clear-groups', '--', path], {
        env: { HOME: world.home(DAEMON), PATH: '/usr/bin', ...env },
        cwd: world.home(DAEMON),
        stdio: 'ignore',
      })
      await new Promise((resolve) => setTimeout(resolve, 400))
      child.kill('SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, 300))
      const last = readFileSync(pidFile, 'utf8')
      await new Promise((resolve) => setTimeout(resolve, 300))
      assert.equal(readFileSync(pidFile, 'utf8'), last)
      assert.notEqual(last, '')
    })

    it('closes its output when it says so, though its parent lives on', () => {
      const done = as(
        world,
        DAEMON,
        [
          '/bin/bash',
          '-c',
          `${world.script(DAEMON, 'exec >&-; sleep 0.5; : >closed')} | { cat; [ -e closed ] || echo "end of file first"; }`,
        ],
        { env },
      )
      assert.deepEqual(done, ok('end of file first\n'))
    })
  })
})

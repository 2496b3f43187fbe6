/** Real interpreters from the real archive, by dot-slash as an ordinary user: as if they were installed on the host. */

import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { addSystem, addUser, LANGRUN, type System, type User } from '../machine.ts'
import { give, says, unlessMissing } from './cli-world.ts'

suite('scripts of real languages', { concurrency: 1, ...unlessMissing() }, () => {
  let user: User
  let system: System
  const made: string[] = []
  before(() => {
    user = addUser()
    system = addSystem()
    const installed = user.run(LANGRUN, ['install', 'python', 'perl', 'clisp'], { environment: system.environment })
    assert.equal(installed.status, 0, installed.stderr)
    assert.equal(system.langrun('register').status, 0)
  })
  after(() => {
    for (const path of made) rmSync(path, { recursive: true, force: true })
    system.remove()
    user.remove()
  })

  const script = (name: string, text: string): string => {
    const path = name.startsWith('/') ? name : join(user.home, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    chmodSync(path, 0o755)
    if (path.startsWith(user.home)) give(dirname(path) === user.home ? path : dirname(path), user.uid)
    return path
  }
  const run = (program: string, args: string[] = [], options: Parameters<User['run']>[2] = {}) =>
    user.run(program, args, { ...options, environment: { ...system.environment, ...options.environment } })
  const bash = (text: string, options: Parameters<User['run']>[2] = {}) => run('/bin/bash', ['-c', text], options)

  test('exit codes are exact, and death by a signal is that', () => {
    script('exit.py', 'import sys; sys.exit(int(sys.argv[1]))')
    for (const status of [0, 1, 7, 125, 127, 255]) assert.deepEqual(run('./exit.py', [String(status)]), says('', status))
    script('die.pl', 'kill $ARGV[0], $$; sleep 5;')
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGINT'] as const) {
      assert.deepEqual(run('./die.pl', [signal.slice(3)]), { stdout: '', stderr: '', status: null, signal })
    }
    assert.equal(bash('./die.pl TERM; echo $?').stdout, '143\n')
  })

  test('a script is the process that the shell started: pid, timeout, pipe, kill', () => {
    script('pid.py', 'import os; print(os.getpid())')
    assert.equal(
      bash('./pid.py & wait $!; echo $!')
        .stdout.split('\n')
        .slice(0, 2)
        .map(Number)
        .reduce((a, b) => a - b),
      0,
    )
    script('sleep.py', 'import time; time.sleep(30)')
    assert.equal(bash('timeout 0.5 ./sleep.py; echo $?').stdout, '124\n')
    script('yes.pl', '$| = 1; print "y\\n" while 1;')
    assert.equal(bash('./yes.pl | head -n 1; echo ${PIPESTATUS[*]}').stdout, 'y\n141 0\n')
  })

  test('the working folder is what the shell says, also through a link', () => {
    script('where.py', 'import os; print(os.getcwd(), os.environ["PWD"])')
    mkdirSync(join(user.home, 'real'))
    symlinkSync('real', join(user.home, 'link'))
    give(join(user.home, 'real'), user.uid)
    assert.equal(bash('cd link && ../where.py').stdout, `${user.home}/real ${user.home}/link\n`)
    assert.equal(bash(`cd / && ${user.home}/where.py`).stdout, '/ /\n')
    assert.equal(bash(`cd /usr/bin && ${user.home}/where.py`).stdout, '/usr/bin /usr/bin\n')
  })

  test('process substitution and inherited descriptors reach the script', () => {
    script('cat.py', 'import sys; print([open(p).read() for p in sys.argv[1:]])')
    assert.deepEqual(bash('./cat.py <(echo hi) <(echo there)'), says("['hi\\n', 'there\\n']\n"))
    script('fd.pl', 'open(F, "<&=", 7) or die $!; print <F>;')
    assert.deepEqual(bash('./fd.pl 7<<<"seven"'), says('seven\n'))
  })

  test("files that a script writes are the user's, with the user's umask; so are name and home", () => {
    script('write.py', 'import os, pwd; open("out", "w").write("x"); print(pwd.getpwuid(os.getuid()).pw_name, os.path.expanduser("~"))')
    assert.deepEqual(bash('umask 027; ./write.py'), says(`${user.name} ${user.home}\n`))
    const { uid, mode } = statSync(join(user.home, 'out'))
    assert.deepEqual([uid, mode & 0o777], [user.uid, 0o640])
  })

  test('scripts of one language start scripts of others, and come back', () => {
    script('1.py', 'import subprocess, sys; print("python", flush=True); sys.exit(subprocess.call(["./2.lisp", "a b"]))')
    script('2.lisp', '(format t "lisp ~a~%" (car ext:*args*)) (finish-output) (ext:exit (ext:run-program "./3.pl" :arguments ext:*args*))')
    script('3.pl', 'print "perl @ARGV\\n"; exit 9;')
    assert.deepEqual(run('./1.py'), says('python\nlisp a b\nperl a b\n', 9))
  })

  test('#!/usr/bin/env langrun runs a script whatever is registered', () => {
    mkdirSync(join(user.home, 'bin'))
    symlinkSync(LANGRUN, join(user.home, 'bin/langrun'))
    const path = `${user.home}/bin:/usr/bin:/bin`
    script('shebang.py', '#!/usr/bin/env langrun\nimport sys; print("env", sys.argv[1:]); sys.exit(4)')
    assert.deepEqual(bash('./shebang.py "a b" -x --help', { environment: { PATH: path } }), says("env ['a b', '-x', '--help']\n", 4))
    // Perl starts what a first line names if that has no "perl" in it.
    script('shebang.pl', '#!/usr/bin/env -S langrun run --language perl\nprint "env @ARGV\\n"; exit 4;')
    assert.deepEqual(bash('./shebang.pl "a b" -x --help', { environment: { PATH: path } }), says('env a b -x --help\n', 4))
  })

  test('a first line that names an interpreter of the host gets that one', () => {
    script('host.py', '#!/bin/sh\necho "the host\'s shell: $0 $1"\n')
    assert.deepEqual(run('./host.py', ['x']), says("the host's shell: ./host.py x\n"))
    script('nowhere.py', '#!/no/such/python\nprint("the container")\n')
    assert.deepEqual(run('./nowhere.py'), says('the container\n'))
  })

  test('shims on PATH stand for the interpreters', () => {
    const PATH = `${user.home}/.local/share/langrun/shims:/usr/bin:/bin`
    assert.deepEqual(bash('clisp -q -x "(+ 1 2)"', { environment: { PATH } }), says('3\n'))
    assert.match(bash('python3 -c "import sys; print(sys.version)"', { environment: { PATH } }).stdout, /^3\.13/)
    script('by-env.none', '#!/usr/bin/env python3\nimport sys; print(sys.version_info[:2])\n')
    assert.deepEqual(bash('./by-env.none', { environment: { PATH } }), says('(3, 13)\n'))
  })

  test('scripts are found on PATH in /usr/local/bin, and run from folders that an image hides', () => {
    const name = `langrun-test-${process.pid}`
    made.push(script(`/usr/local/bin/${name}.py`, 'import sys; print("found", sys.argv[1:])'))
    assert.deepEqual(bash(`${name}.py x`), says("found ['x']\n"))
    const doc = `/usr/share/doc/${name}`
    made.push(doc)
    script(`${doc}/example.py`, 'import os; print(os.getcwd(), sorted(os.listdir(".")), open("data").read())')
    writeFileSync(`${doc}/data`, 'data')
    assert.deepEqual(bash(`cd ${doc} && ./example.py`), says(`${doc} ['data', 'example.py'] data\n`))
    assert.deepEqual(
      bash(`cd /tmp && ${doc}/example.py 2>&1 | tail -n 1`).stdout,
      "FileNotFoundError: [Errno 2] No such file or directory: 'data'\n",
    )
  })

  test('a new top-level folder of the host is there without another installation', () => {
    const folder = `/langrun-test-${process.pid}`
    mkdirSync(folder)
    made.push(folder)
    chmodSync(folder, 0o777)
    script(`${folder}/new.py`, 'import os; open("out", "w").write("x"); print(os.getcwd())')
    assert.deepEqual(bash(`cd ${folder} && ./new.py`), says(`${folder}\n`))
    assert.equal(readFileSync(`${folder}/out`, 'utf8'), 'x')
    assert.deepEqual(bash(`${folder}/new.py 2>&1 | tail -n 1; ls out`, { cwd: folder }), says(`${folder}\nout\n`))
  })

  test('nothing is left of any of it: no mount, no process', () => {
    assert.ok(!readFileSync('/proc/self/mounts', 'utf8').includes(user.home))
    assert.equal(
      run('pgrep', ['-u', String(user.uid)])
        .stdout.trim()
        .split('\n')
        .filter((pid) => existsSync(`/proc/${pid}/exe`)).length,
      0,
    )
  })
})

/**
 * Programs of a foreign architecture, built here with Debian's cross compiler: on the host, in a chroot, in a Docker container that has no
 * emulator, and in the rootless shell. Emulator and libraries come from the real archive.
 */

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { addSystem, addUser, isRoot, LANGRUN, needs, type Outcome, REGISTRY, type System, type User } from '../machine.ts'

/** Says where it runs and with what; ends as it is told, or with `wait` when its input does. */
const PROGRAM = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct utsname name;
	uname(&name);
	printf("%s %s", name.machine, argv[0]);
	for (int i = 1; i < argc; i++) printf(" [%s]", argv[i]);
	puts("");
	fflush(stdout);
	if (argc > 1 && !strcmp(argv[1], "wait")) while (getchar() != EOF) continue;
	return argc > 1 ? atoi(argv[1]) : 0;
}
`
const KINDS = ['static', 'dynamic'] as const
const hasCompiler = spawnSync('aarch64-linux-gnu-gcc', ['--version']).status === 0
const hasDocker = spawnSync('dockerd', ['--version']).status === 0 && spawnSync('docker', ['--version']).status === 0
const skip = process.arch === 'x64' ? false : 'this machine runs arm64 programs itself'

suite('a program of a foreign architecture', { concurrency: 1, skip }, () => {
  let user: User
  let system: System
  let folder: string
  let entriesBefore: Map<string, string>

  before(() => {
    if (!isRoot || !hasCompiler) return
    folder = mkdtempSync(join(tmpdir(), 'langrun-test-arch-'))
    chmodSync(folder, 0o755)
    build(folder)
    entriesBefore = readEntries()
    user = addUser()
    system = addSystem()
    const added = system.langrun('arch', 'add', 'arm64')
    assert.equal(added.status, 0, added.stderr)
    assert.match(added.stdout, /^arm64 programs run for every user of this machine \(QEMU .*\)\n$/)
  })

  after(() => {
    if (!isRoot || !hasCompiler) return
    const removed = system.langrun('arch', 'remove', 'arm64')
    const left = execFileSync('find', [join(system.store, 'emulators'), join(system.store, 'packages'), '-type', 'f'], { encoding: 'utf8' })
    system.remove()
    user.remove()
    rmSync(folder, { recursive: true, force: true })
    assert.deepEqual({ status: removed.status, stdout: removed.stdout, left }, { status: 0, stdout: 'removed arm64\n', left: '' })
    const entries = readEntries()
    assert.deepEqual(
      [...entries.keys()].filter((name) => name.startsWith(system.prefix)),
      [],
    )
    for (const [name, text] of entriesBefore) if (!name.startsWith('langrun-test-')) assert.equal(entries.get(name), text, name)
  })

  for (const kind of KINDS) {
    test(`${kind}, runs by dot-slash on the host, as an ordinary user, by langrun's emulator`, async (t) => {
      if (!needs(t, isRoot && hasCompiler, 'root and aarch64-linux-gnu-gcc')) return
      assert.deepEqual(user.run(`./${kind}`, ['7', 'a b', ''], { cwd: folder }), {
        stdout: `aarch64 ./${kind} [7] [a b] []\n`,
        stderr: '',
        status: 7,
        signal: null,
      })
      await assertServed(spawn(join(folder, kind), ['wait']), system.store)
    })
  }

  test('finds the libraries where QEMU_LD_PREFIX says, if that is set', (t) => {
    if (!needs(t, isRoot && hasCompiler, 'root and aarch64-linux-gnu-gcc')) return
    const run = (prefix: string): Outcome => user.run('./dynamic', [], { cwd: folder, environment: { QEMU_LD_PREFIX: prefix } })
    assert.match(run('/nowhere').stderr, /Could not open '\/lib\/ld-linux-aarch64.so.1'/)
    assert.equal(run(join(system.store, 'emulators/root')).stdout, 'aarch64 ./dynamic\n')
  })

  test('sees the files of the host, not those of another system', (t) => {
    if (!needs(t, isRoot && hasCompiler, 'root and aarch64-linux-gnu-gcc')) return
    assert.deepEqual(user.run('./whoami', [], { cwd: folder }), { stdout: `${user.name}\n`, stderr: '', status: 0, signal: null })
  })

  test('runs in a chroot that has its C library and no emulator', async (t) => {
    if (!needs(t, isRoot && hasCompiler, 'root and aarch64-linux-gnu-gcc')) return
    const root = foreignRoot(folder, system.store)
    for (const kind of KINDS) {
      const { stdout, stderr, status } = spawnSync('chroot', [root, `/${kind}`, '3'], { encoding: 'utf8' })
      assert.deepEqual({ stdout, stderr, status }, { stdout: `aarch64 /${kind} [3]\n`, stderr: '', status: 3 })
      await assertServed(spawn('chroot', [root, `/${kind}`, 'wait']), system.store)
    }
  })

  test('runs in a Docker container of its architecture that has no emulator', async (t) => {
    if (!needs(t, isRoot && hasCompiler && hasDocker, 'root, aarch64-linux-gnu-gcc and dockerd')) return
    await using docker = await startDocker(folder)
    const root = foreignRoot(folder, system.store)
    execFileSync('sh', ['-c', `tar -C "$1" -c . | docker -H "$2" import --platform linux/arm64 - foreign`, 'sh', root, docker.host])
    for (const kind of KINDS) {
      assert.deepEqual(docker.run('run', '--rm', '--network', 'none', 'foreign', `/${kind}`, '5', 'x y'), {
        stdout: `aarch64 /${kind} [5] [x y]\n`,
        stderr: '',
        status: 5,
        signal: null,
      })
    }
    const { stdout: container } = docker.run('run', '--detach', '--interactive', '--network', 'none', 'foreign', '/dynamic', 'wait')
    const pid = docker.run('inspect', '--format', '{{.State.Pid}}', container.trim()).stdout.trim()
    try {
      assert.equal(identity(`/proc/${pid}/exe`), identity(emulator(system.store)))
    } finally {
      docker.run('rm', '--force', container.trim())
    }
  })

  test('runs in a langrun shell of a user who added the architecture without root', async (t) => {
    if (!needs(t, isRoot && hasCompiler, 'root (to make an ordinary user) and aarch64-linux-gnu-gcc')) return
    const environment = { LANGRUN_SYSTEM_STORE: '/nonexistent' }
    const added = user.run(LANGRUN, ['arch', 'add', 'aarch64'], { environment })
    assert.equal(added.status, 0, added.stderr)
    assert.match(added.stdout, /^arm64 programs run in: langrun shell/)
    for (const kind of KINDS) {
      assert.deepEqual(user.run(LANGRUN, ['shell', '--', `./${kind}`, '4'], { cwd: folder, environment }), {
        stdout: `aarch64 ./${kind} [4]\n`,
        stderr: '',
        status: 4,
        signal: null,
      })
    }
    const own = join(user.home, '.local/share/langrun')
    const asUser = ['--reuid', String(user.uid), '--regid', String(user.uid), '--clear-groups', '--']
    const env = { ...environment, HOME: user.home, PATH: process.env['PATH'] }
    await assertServed(spawn('setpriv', [...asUser, LANGRUN, 'shell', '--', join(folder, 'dynamic'), 'wait'], { env }), own)
  })

  test('is listed, with who else claims it, and its entry has no credentials of its file', (t) => {
    if (!needs(t, isRoot && hasCompiler, 'root and aarch64-linux-gnu-gcc')) return
    const list = JSON.parse(system.langrun('arch', 'list', '--json').stdout)
    assert.deepEqual(
      list.map(({ architecture, registered }: { architecture: string; registered: boolean }) => [architecture, registered]),
      [
        ['arm64', true],
        ['armhf', false],
        ['i386', false],
        ['ppc64el', false],
        ['riscv64', false],
        ['s390x', false],
      ],
    )
    const entry = readFileSync(join(REGISTRY, `${system.prefix}qemu-aarch64`), 'utf8')
    assert.match(entry, /^enabled\ninterpreter .*\/emulators\/aarch64-binfmt-P\nflags: POF\n/)
  })

  test('is refused by name if nobody knows its architecture, or if it is this machine’s', (t) => {
    if (!needs(t, isRoot && hasCompiler, 'root and aarch64-linux-gnu-gcc')) return
    assert.deepEqual(complaint(system.langrun('arch', 'add', 'pdp11')), [
      'langrun: cannot emulate the architecture "pdp11"',
      '  because: langrun knows amd64, arm64, armhf, i386, ppc64el, riscv64, s390x',
    ])
    assert.deepEqual(complaint(system.langrun('arch', 'add', 'amd64')), [
      'langrun: cannot emulate amd64',
      '  because: it is the architecture of this machine',
    ])
    assert.deepEqual(complaint(system.langrun('arch', 'remove', 's390x')), [
      'langrun: cannot remove s390x',
      `  because: it was not added to ${system.store}`,
      '  hint: what was added: langrun arch list',
    ])
  })
})

function build(folder: string): void {
  const whoami = '#include <pwd.h>\n#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts(getpwuid(getuid())->pw_name); }\n'
  writeFileSync(join(folder, 'program.c'), PROGRAM)
  writeFileSync(join(folder, 'whoami.c'), whoami)
  const compile = (...args: string[]) => execFileSync('aarch64-linux-gnu-gcc', ['-O1', ...args], { cwd: folder })
  compile('program.c', '-o', 'dynamic')
  compile('-static', 'program.c', '-o', 'static')
  compile('whoami.c', '-o', 'whoami')
}

/** The libraries that langrun brought, as a system's root, with the programs. */
function foreignRoot(folder: string, store: string): string {
  const root = join(folder, 'root')
  if (existsSync(root)) return root
  cpSync(join(store, 'emulators/root/'), root, { recursive: true, verbatimSymlinks: true, dereference: false })
  for (const kind of KINDS) copyFileSync(join(folder, kind), join(root, kind))
  return root
}

function emulator(store: string): string {
  return join(store, 'emulators/aarch64-binfmt-P')
}

function identity(path: string): string {
  const { dev, ino } = statSync(path)
  return `${dev}:${ino}`
}

/** That what the kernel executes for a program that waits is this store's emulator, not one of somebody else. */
async function assertServed(child: ChildProcess, store: string): Promise<void> {
  let complaints = ''
  child.stderr?.on('data', (data) => {
    complaints += data
  })
  try {
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once('data', () => resolve())
      child.once('close', (status) => reject(new Error(`ended with ${status}: ${complaints}`)))
    })
    assert.equal(identity(`/proc/${child.pid}/exe`), identity(emulator(store)))
  } finally {
    child.stdin?.end()
    await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(undefined)))
  }
}

/** None if the registry is not mounted. */
function readEntries(): Map<string, string> {
  const names = execFileSync('ls', [REGISTRY], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => name !== '')
  return new Map(names.filter((name) => name !== 'register').map((name) => [name, readFileSync(join(REGISTRY, name), 'utf8')]))
}

function complaint({ stderr }: Outcome): string[] {
  return stderr.trimEnd().split('\n')
}

interface Docker extends AsyncDisposable {
  readonly host: string
  run(...args: string[]): Outcome
}

/** A Docker Engine of this test's own: no bridge, no rules for the machine's packets, everything below `folder`. */
async function startDocker(folder: string): Promise<Docker> {
  const place = (name: string): string => join(folder, 'docker', name)
  const host = `unix://${place('sock')}`
  const places = ['--data-root', place('data'), '--exec-root', place('exec'), '--pidfile', place('pid'), '--host', host]
  const quiet = ['--bridge', 'none', '--iptables=false', '--ip6tables=false', '--storage-driver', 'vfs']
  execFileSync('mkdir', ['-p', place('')])
  const daemon = spawn('dockerd', [...places, ...quiet], { stdio: 'ignore' })
  const run = (...args: string[]): Outcome => {
    const { stdout, stderr, status, signal } = spawnSync('docker', ['-H', host, ...args], { encoding: 'utf8' })
    return { stdout, stderr, status, signal }
  }
  for (let tries = 0; run('version').status !== 0; tries++) {
    if (tries > 150 || daemon.exitCode !== null) throw new Error('dockerd does not answer')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  return {
    host,
    run,
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => daemon.once('exit', resolve))
      daemon.kill()
      await ended
      rmSync(place(''), { recursive: true, force: true })
    },
  }
}

/** What the launcher trusts, what it refuses, when it asks langrun, and the steps that only some plans have. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import {
  as,
  buildLauncher,
  DAEMON,
  encode,
  failed,
  homePlan,
  makeWorld,
  mounts,
  ok,
  type Record,
  trailer,
  unlessMissing,
  type World,
} from './launcher-world.ts'

/** Runs a program on which the kernel has no system calls beyond those of Linux 5.0. */
const OLD_KERNEL = `
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 428, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 500, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	execv(argv[1], argv + 1);
	return 99;
}
`

describe('the launcher and its plans', unlessMissing(), () => {
  let world: World
  let outside: string
  before(() => {
    outside = mounts()
    world = makeWorld()
  })
  after(() => {
    world.dispose()
    assert.equal(mounts(), outside, 'no mount is left behind')
  })
  beforeEach(() => {
    rmSync(world.home(DAEMON), { recursive: true, force: true })
    rmSync(join(world.folder, 'system'), { recursive: true, force: true })
    world.install(DAEMON, homePlan(world.image))
  })

  const start = (text = 'echo ran', env: NodeJS.ProcessEnv = {}, ...args: string[]) =>
    as(world, DAEMON, [world.script(DAEMON, text), ...args], { env })
  const notInstalled = () =>
    failed(
      127,
      `langrun: cannot run ${world.home(DAEMON)}/script${world.extension}: lrtest is not installed; install it: langrun install lrtest\n`,
    )
  const plansFolder = () => join(world.store(DAEMON), 'plans')
  /** Carry out a plan given by hand. */
  const carryOut = (uid: number, records: readonly Record[], ...args: string[]) => {
    const file = join(world.folder, 'plan')
    writeFileSync(file, encode(records))
    return as(world, uid, [world.launcher, '--plan', file, ...args])
  }
  const oldKernel = () => {
    const source = join(world.folder, 'old.c')
    const old = join(world.folder, 'old')
    writeFileSync(source, OLD_KERNEL)
    assert.equal(spawnSync('gcc', ['-o', old, source]).status, 0)
    return old
  }
  /** A langrun that is a shell script: what it was called with goes to a file. */
  const fakeLangrun = (body: string) => {
    const path = join(world.store(DAEMON), 'bin/langrun')
    writeFileSync(path, `#!/bin/sh\necho "$@" >"$HOME/called"\n${body}`, { mode: 0o755 })
    chownSync(path, DAEMON, DAEMON)
  }

  describe('trust', () => {
    it('is given to what is the user’s own', () => assert.deepEqual(start(), ok('ran\n')))

    it('is refused to a plan that others can write to', () => {
      for (const mode of [0o664, 0o646]) {
        chmodSync(join(plansFolder(), 'lrtest.home'), mode)
        assert.deepEqual(start(), notInstalled())
      }
    })

    it('is refused to a plan, a folder of plans or a store of somebody else', () => {
      for (const path of [join(plansFolder(), 'lrtest.home'), plansFolder(), world.store(DAEMON)]) {
        chownSync(path, 2, 2)
        assert.deepEqual(start(), notInstalled())
        chownSync(path, DAEMON, DAEMON)
      }
    })

    it('is refused to a folder of plans or a store that others can write to', () => {
      for (const path of [plansFolder(), world.store(DAEMON)]) {
        chmodSync(path, 0o777)
        assert.deepEqual(start(), notInstalled())
        chmodSync(path, 0o755)
      }
    })

    it('is refused to an image of somebody else or that others can write to', () => {
      const refused = failed(
        125,
        `langrun: cannot trust the image ${world.image}; it must be yours or root's, and writable by nobody else\n`,
      )
      chownSync(world.image, 2, 2)
      assert.deepEqual(start(), refused)
      chownSync(world.image, DAEMON, DAEMON)
      chmodSync(world.image, 0o775)
      assert.deepEqual(start(), refused)
      chmodSync(world.image, 0o755)
    })

    it('keeps root from a user’s store, which XDG_DATA_HOME or a kept HOME may name', () => {
      const path = world.script(DAEMON, 'echo owned')
      const expected = failed(127, `langrun: cannot run ${path}: lrtest is not installed; install it: langrun install lrtest\n`)
      assert.deepEqual(as(world, 0, [path], { env: { HOME: world.home(DAEMON) } }), expected)
      assert.deepEqual(as(world, 0, [path], { env: { XDG_DATA_HOME: join(world.home(DAEMON), '.local/share') } }), expected)
    })

    it('is given to root’s system store, also by scripts that scripts start', () => {
      rmSync(plansFolder(), { recursive: true })
      const system = join(world.folder, 'system')
      mkdirSync(join(system, 'plans'), { recursive: true })
      mkdirSync(join(system, 'images'))
      renameSync(world.image, join(system, 'images/1'))
      chownSync(join(system, 'images/1'), 0, 0)
      writeFileSync(join(system, 'plans/lrtest.home'), encode(homePlan(join(system, 'images/1'))))
      assert.deepEqual(start('[ "$1" = 0 ] && exec cat /etc/image; "$0" $(($1 - 1))', {}, '3'), ok('the image\n'))
      renameSync(join(system, 'images/1'), world.image)
    })

    it('says what to do when the image is gone', () => {
      renameSync(world.image, `${world.image}.away`)
      assert.deepEqual(start(), failed(127, `langrun: the image of lrtest is gone, it was ${world.image}; langrun install lrtest\n`))
      renameSync(`${world.image}.away`, world.image)
    })

    it('does not let a script change the stores that it sees', () => {
      const store = world.store(DAEMON)
      const result = start(
        `cd ${store} && ls plans; (: >plans/lrtest.home) 2>/dev/null && echo changed; touch x 2>/dev/null && echo made; true`,
      )
      assert.deepEqual(result, ok('lrtest.home\n'))
    })
  })

  describe('a plan', () => {
    it('of the extension comes before the language’s', () => {
      writeFileSync(
        join(plansFolder(), 'other'),
        encode(
          homePlan(
            world.image,
            [],
            [
              ['exec', '/usr/bin/echo'],
              ['arg', 'echo'],
              ['arg', 'extension'],
            ],
          ),
        ),
      )
      chownSync(join(plansFolder(), 'other'), DAEMON, DAEMON)
      symlinkSync('other', join(plansFolder(), `${world.extension}.home`))
      assert.deepEqual(start(), ok('extension\n'))
    })

    it('leaves a store out for which its root has no place', () => {
      const path = world.script(DAEMON, 'echo ran')
      // The store lies in /usr, which comes from an image that has no such folder.
      const store = `/usr/langrun-test-launcher-${process.pid}`
      mkdirSync(store)
      try {
        mkdirSync(join(store, 'langrun/plans'), { recursive: true })
        writeFileSync(join(store, 'langrun/plans/lrtest.home'), encode(homePlan(world.image)))
        assert.deepEqual(as(world, DAEMON, [path], { env: { XDG_DATA_HOME: store } }), ok('ran\n'))
      } finally {
        rmSync(store, { recursive: true })
      }
    })

    it('of another profile is used when LANGRUN_PROFILE names it', () => {
      world.install(DAEMON, homePlan(world.image, [['setenv', 'PROFILE', 'other one']]), 'other')
      assert.deepEqual(start('echo $PROFILE', { LANGRUN_PROFILE: 'other' }), ok('other one\n'))
      assert.deepEqual(start('echo $PROFILE', { LANGRUN_PROFILE: '' }), ok('\n'))
      assert.deepEqual(
        start('', { LANGRUN_PROFILE: '../x' }),
        failed(125, 'langrun: cannot use the profile that LANGRUN_PROFILE names: ../x; see `langrun help profiles`\n'),
      )
    })

    it('that is damaged is refused with a reason', () => {
      const good = encode(homePlan(world.image))
      const cases: [string, string][] = [
        ['', 'it is empty'],
        [good.slice(0, -3), 'it ends within a record'],
        [good.replace('from-image', 'from-imagf'), 'it has an operation that this launcher does not know'],
        [`${good}arg\0${'x'.repeat(300_000)}\0\n`, 'it is too big'],
      ]
      for (const [bytes, problem] of cases) {
        writeFileSync(join(plansFolder(), 'lrtest.home'), bytes)
        assert.deepEqual(start(), failed(125, `langrun: cannot use the plan lrtest: ${problem}; langrun install makes a new one\n`))
      }
    })

    it('may not leave the image by a link in it', () => {
      symlinkSync('/home', join(world.image, 'evil'))
      symlinkSync('/', join(world.image, 'etc/evil'))
      for (const path of ['/evil', '/etc/evil', '/etc/evil/home', '/evil/x']) {
        const result = carryOut(DAEMON, [
          ['plan', '1'],
          ['namespace', 'mount'],
          ['namespace', 'user'],
          ['image', world.image],
          ['root'],
          ['from-image', path, 'r'],
          ['exec', '/x'],
        ])
        assert.equal(result.status, 125)
        assert.match(result.stderr, new RegExp(`^langrun: cannot open in the image ${path}: `))
      }
      rmSync(join(world.image, 'evil'))
      rmSync(join(world.image, 'etc/evil'))
    })

    it('may not make mount points in the image or on the host', () => {
      const result = carryOut(DAEMON, [
        ...homePlan(world.image).slice(0, -4),
        ['host', '/home', '-'],
        ['bind', '/tmp', `${world.folder}/made`, '-'],
        ['exec', '/x'],
      ])
      assert.deepEqual(result, failed(125, `langrun: cannot find the mount point ${world.folder}/made: No such file or directory\n`))
      assert.equal(existsSync(`${world.folder}/made`), false)
    })

    it('with a program that is missing or not executable ends with 127 or 126', () => {
      const plan = (program: string) =>
        homePlan(
          world.image,
          [],
          [
            ['exec', program],
            ['arg', 'x'],
          ],
        )
      assert.deepEqual(
        carryOut(DAEMON, plan('/usr/bin/none')),
        failed(127, 'langrun: cannot execute /usr/bin/none: No such file or directory\n'),
      )
      assert.deepEqual(carryOut(DAEMON, plan('/etc/image')), failed(126, 'langrun: cannot execute /etc/image: Permission denied\n'))
    })

    it('sets, prefixes and unsets variables in its order', () => {
      const steps: Record[] = [
        ['setenv', 'A', '1'],
        ['prefixenv', 'A', '2'],
        ['prefixenv', 'NEW', 'n'],
        ['unsetenv', 'XX_*'],
        ['unsetenv', 'HOME'],
        ['unsetenv', 'B'],
      ]
      const file = join(world.folder, 'plan')
      writeFileSync(
        file,
        encode(
          homePlan(world.image, steps, [
            ['exec', '/usr/bin/env'],
            ['arg', 'env'],
          ]),
        ),
      )
      const result = as(world, DAEMON, [world.launcher, '--plan', file], { env: { XX_1: '', XX_: 'x', XX: 'kept', BB: 'kept' } })
      assert.deepEqual(result.stdout.trim().split('\n').sort(), ['A=2:1', 'BB=kept', 'NEW=n', 'PATH=/usr/bin:/usr/bin:/bin', 'XX=kept'])
    })

    it('that asks for it gives root’s identity within the user’s, and ownership that costs nothing', () => {
      const program =
        'id -u; touch new && chown 5:6 new && chmod u+s new && echo faked; grep -c . /proc/self/uid_map; cut -c1-40 /proc/self/uid_map | tr -s " "'
      const records: Record[] = [
        ['plan', '1'],
        ['namespace', 'user'],
        ['namespace', 'mount'],
        ['namespace', 'pid'],
        ['namespace', 'net'],
        ['identity', 'root'],
        ['image', world.image],
        ['root'],
        ['from-image', '/', '-'],
        ['tmpfs', '/mnt', 'mode=755'],
        ['proc', '/proc'],
        ['cwd', '/mnt'],
        ['seccomp', 'ownership'],
        ['exec', '/usr/bin/sh'],
        ['arg', 'sh'],
        ['arg', '-c'],
        ['arg', program],
      ]
      for (const name of ['mnt', 'proc']) mkdirSync(join(world.image, name), { recursive: true })
      for (const uid of [DAEMON, 0]) {
        chownSync(world.image, uid, uid)
        assert.deepEqual(carryOut(uid, records), ok(`0\nfaked\n1\n 0 ${uid} 1\n`))
        const caged = [
          ...records.slice(0, -1),
          ['arg', 'umount /; ls /etc/debian_version; ls /../etc; echo $$; echo /proc/[0-9]*; ls /sys 2>&1'],
        ] as Record[]
        assert.deepEqual(carryOut(uid, caged).stdout, 'group\nimage\npasswd\n2\n/proc/1 /proc/2\nls: /sys: No such file or directory\n')
      }
    })
  })

  describe('a skeleton', () => {
    const path = () => join(world.folder, 'skeleton')
    const make = () => {
      rmSync(path(), { recursive: true, force: true })
      for (const name of ['tmp', 'home', 'root', 'proc', 'dev/pts', 'dev/shm', 'usr', 'etc'])
        mkdirSync(join(path(), name), { recursive: true })
      for (const name of ['dev/null', 'dev/zero', 'dev/tty', 'dev/urandom', 'mark']) writeFileSync(join(path(), name), '')
      symlinkSync('/proc/self/fd', join(path(), 'dev/fd'))
      symlinkSync('usr/bin', join(path(), 'bin'))
      chownSync(path(), DAEMON, DAEMON)
    }
    beforeEach(() => {
      make()
      world.install(DAEMON, onIt(homePlan(world.image)))
    })
    const onIt = (plan: readonly Record[]) =>
      plan.flatMap((record): Record[] => (record[0] === 'root' ? [['skeleton', path()], record] : [record]))
    const TELL = 'if [ -e /mark ]; then echo skeleton; else echo fresh; fi'

    it('is the root, read-only, with all that the plan mounts in it', () => {
      const uses =
        'cat /etc/image; : >/dev/null; ls /dev /dev/fd/1; cat /proc/self/comm; (: >/x; : >/dev/x; : >/mark; : >/usr/x) 2>/dev/null && echo wrote'
      const expected = 'skeleton\nthe image\n/dev/fd/1\n\n/dev:\nfd\nnull\npts\nshm\ntty\nurandom\nzero\ncat\n'
      assert.deepEqual(start(`${TELL}; ${uses}; true`), ok(expected))
      assert.deepEqual(start(`${TELL}; [ "$1" = 0 ] || exec "$0" 0`, {}, '1'), ok('skeleton\nskeleton\n'))
    })

    it('is read-only on kernels without openat2 and mount_setattr too', () => {
      const path = world.script(DAEMON, `${TELL}; (: >/x; : >/dev/x; : >/usr/x) 2>/dev/null && echo wrote; cat /etc/image`)
      assert.deepEqual(as(world, DAEMON, [oldKernel(), path]), ok('skeleton\nthe image\n'))
    })

    it('serves root’s identity and its pivot_root as well', () => {
      const plan = onIt([
        ...homePlan(
          world.image,
          [['identity', 'root']],
          [
            ['exec', '/usr/bin/sh'],
            ['arg', 'sh'],
            ['arg', '-c'],
            ['arg', `${TELL}; id -u`],
          ],
        ),
      ])
      assert.deepEqual(carryOut(DAEMON, plan), ok('skeleton\n0\n'))
    })

    it('is done without when it is missing or not to be trusted', () => {
      const spoil: (() => void)[] = [
        () => rmSync(path(), { recursive: true }),
        () => chownSync(path(), 2, 2),
        () => chmodSync(path(), 0o775),
        () => chmodSync(path(), 0o757),
        () => {
          renameSync(path(), join(world.folder, 'moved'))
          symlinkSync('moved', path())
        },
      ]
      for (const change of spoil) {
        assert.deepEqual(start(TELL), ok('skeleton\n'))
        change()
        assert.deepEqual(start(TELL), ok('fresh\n'))
        make()
      }
    })

    it('is done without when a mount point lacks, or is of another kind', () => {
      for (const name of ['home', 'dev/null', 'usr', 'dev']) {
        renameSync(join(path(), name), join(path(), 'away'))
        assert.deepEqual(start(TELL), ok('fresh\n'), `without ${name}`)
        if (name === 'dev/null') mkdirSync(join(path(), name))
        else writeFileSync(join(path(), name), '')
        assert.deepEqual(start(TELL), ok('fresh\n'), `another ${name}`)
        rmSync(join(path(), name), { recursive: true })
        renameSync(join(path(), 'away'), join(path(), name))
      }
      assert.deepEqual(start(TELL), ok('skeleton\n'))
    })

    it('cannot lead a mount to the host by a link', () => {
      rmSync(join(path(), 'root'), { recursive: true })
      symlinkSync('/var', join(path(), 'root'))
      assert.deepEqual(start(`${TELL}; ls /var /root/ 2>/dev/null; true`), ok('skeleton\n'))
      assert.ok(existsSync('/var/lib'))
    })
  })

  describe('when no plan is ready, langrun', () => {
    beforeEach(() => rmSync(join(plansFolder(), 'lrtest.home')))
    const answer = () => {
      writeFileSync(join(world.folder, 'answer'), encode(homePlan(world.image)))
      return `cat ${world.folder}/answer >&$3\n`
    }

    it('is named as what to install when it is missing', () => assert.deepEqual(start(), notInstalled()))

    it('prepares one, which is carried out with the very same arguments', () => {
      fakeLangrun(answer())
      assert.deepEqual(start('printf "[%s]" "$@"; cat "$HOME/called"', {}, '', 'a\nb'), {
        ...ok(
          `[][a\nb]prepare --plan-fd 4 --language lrtest --profile home --script ${world.home(DAEMON)}/script${world.extension} --cwd ${world.home(DAEMON)}\n`,
        ),
      })
    })

    it('is not given the caller’s closed descriptors, and its plan does not appear as one of them', () => {
      fakeLangrun(answer().replace('&$3', '&$3 3>&-'))
      assert.equal(as(world, DAEMON, ['/bin/sh', '-c', `exec ${world.script(DAEMON, 'exit 9')} 0>&- 1>&- 2>&-`]).status, 9)
    })

    it('ends the start as it ended itself', () => {
      fakeLangrun('echo "langrun: no network" >&2; exit 3')
      assert.deepEqual(start(), failed(3, 'langrun: no network\n'))
      fakeLangrun('kill -TERM $$')
      assert.deepEqual(start(), { status: null, signal: 'SIGTERM', stdout: '', stderr: '' })
      fakeLangrun('exit 0')
      assert.deepEqual(
        start(),
        failed(125, 'langrun: cannot use the plan that langrun prepared: it is empty; langrun install makes a new one\n'),
      )
    })

    it('is not named as the remedy when the plan does not show what is wanted and nobody can make another', () => {
      world.install(DAEMON, homePlan(world.image))
      const path = world.script(DAEMON, '')
      const problem = `cannot show in the container, together with the working folder, the script ${path}`
      assert.deepEqual(
        as(world, DAEMON, [path], { cwd: '/usr' }),
        failed(125, `langrun: ${problem}; the profile and the plan decide what is shown: see \`langrun help profiles\`\n`),
      )
    })

    it('is asked when the plan does not show the script’s folder or the working folder', () => {
      fakeLangrun('exit 44')
      world.install(DAEMON, homePlan(world.image))
      assert.equal(as(world, DAEMON, [world.script(DAEMON, 'exit 9')], { cwd: '/usr' }).status, 44)
      assert.equal(as(world, DAEMON, [world.script(DAEMON, 'exit 9')], { cwd: '/tmp' }).status, 9)
      const hidden = `/var/langrun-test-launcher-${process.pid}`
      mkdirSync(hidden)
      try {
        writeFileSync(`${hidden}/x${world.extension}`, 'exit 9', { mode: 0o755 })
        assert.equal(as(world, DAEMON, [`${hidden}/x${world.extension}`]).status, 44)
        // A link that is visible, to a script that is not, and the other way round.
        symlinkSync(`${hidden}/x${world.extension}`, join(world.home(DAEMON), `link${world.extension}`))
        assert.equal(as(world, DAEMON, [`./link${world.extension}`]).status, 44)
        symlinkSync(world.script(DAEMON, 'exit 9'), `${hidden}/link${world.extension}`)
        assert.equal(as(world, DAEMON, [`${hidden}/link${world.extension}`]).status, 44)
      } finally {
        rmSync(hidden, { recursive: true })
      }
    })
  })

  describe('without binfmt_misc', () => {
    it('a runner takes the script as its argument, and serves as an interpreter in a first line', () => {
      const path = world.script(DAEMON, 'printf "[%s]" "$0" "$@"')
      assert.deepEqual(as(world, DAEMON, [join(world.folder, 'runner'), path, 'a', '']), ok(`[${path}][a][]`))
      const shebang = world.script(DAEMON, `#!${world.folder}/runner\nprintf "[%s]" "$0" "$@"`, 'no-extension')
      assert.deepEqual(as(world, DAEMON, [shebang, 'a b']), ok(`[${shebang}][a b]`))
      assert.deepEqual(
        as(world, DAEMON, [join(world.folder, 'runner')]),
        failed(
          2,
          'langrun: this is the runner of lrtest; it needs a script: <runner> SCRIPT [ARGUMENT…]\n'
            .replace('…', '\xe2\x80\xa6')
            .replace('\xe2', '?')
            .replace('?', '\xe2'),
        ),
      )
    })

    it('a shim is the interpreter itself', () => {
      const shim = join(world.folder, 'shim')
      copyFileSync(world.launcher, shim)
      appendFileSync(shim, trailer([['runner', '1'], ['language', 'lrtest'], ['system', join(world.folder, 'system')], ['shim']]))
      world.install(DAEMON, homePlan(world.image, [], [['exec', '/usr/bin/sh'], ['arg', 'sh'], ['arg', '-e'], ['script'], ['args']]))
      assert.deepEqual(as(world, DAEMON, [shim, '-c', 'false; echo "$0" "$@"', 'x', 'y']), ok('x y\n'))
      rmSync(shim)
    })
  })

  describe('the command line', () => {
    const usage = 'usage: launcher --plan FILE [--ignore-signals HEX] [--] [SCRIPT [ARGUMENT'
    it('is explained when it is wrong', () => {
      for (const args of [[], ['--what', 'x'], ['--plan'], ['--ignore-signals', 'zz', '--plan', '/x']]) {
        const result = as(world, DAEMON, [world.launcher, ...args])
        assert.equal(result.status, 2)
        assert.ok(result.stderr.startsWith(usage), result.stderr)
      }
      assert.deepEqual(
        as(world, DAEMON, [world.launcher, '--plan', '/none']),
        failed(125, 'langrun: cannot open the plan /none: No such file or directory\n'),
      )
    })

    it('sets exactly the ignored signals that it is told', () => {
      const file = join(world.folder, 'plan')
      writeFileSync(
        file,
        encode([
          ['plan', '1'],
          ['exec', '/bin/grep'],
          ['arg', 'grep'],
          ['arg', 'SigIgn'],
          ['arg', '/proc/self/status'],
        ]),
      )
      assert.deepEqual(
        as(world, DAEMON, ['/bin/sh', '-c', `trap "" INT; exec ${world.launcher} --ignore-signals 1001 --plan ${file}`]),
        ok('SigIgn:\t0000000000001001\n'),
      )
    })

    it('can flush a file system', () => {
      assert.deepEqual(as(world, DAEMON, [world.launcher, '--syncfs', '/tmp']), ok(''))
    })

    it('works on kernels without openat2, mount_setattr and close_range', () => {
      const old = oldKernel()
      world.install(DAEMON, homePlan(world.image))
      const path = world.script(DAEMON, '(: >/usr/new) 2>/dev/null && echo written; cat /etc/image; grep -c "^daemon" /etc/passwd; exit 4')
      assert.deepEqual(as(world, DAEMON, [old, path]), { ...ok('the image\n1\n'), status: 4 })
      world.install(DAEMON, [...homePlan(world.image).slice(0, 3), ['namespace', 'pid'], ...homePlan(world.image).slice(3)])
      assert.deepEqual(as(world, DAEMON, [old, path]), { ...ok('the image\n1\n'), status: 4 })
    })

    it('works on aarch64 too', (t) => {
      if (spawnSync('qemu-aarch64-static', ['--version']).status !== 0 || spawnSync('aarch64-linux-gnu-gcc', ['--version']).status !== 0) {
        return t.skip('needs qemu-aarch64-static and aarch64-linux-gnu-gcc')
      }
      // qemu's user mode has no user namespaces, so only what comes before them.
      const arm = join(world.folder, 'launcher.aarch64')
      buildLauncher(arm, 'aarch64')
      const run = (...args: string[]) => as(world, DAEMON, ['qemu-aarch64-static', arm, ...args])
      const file = join(world.folder, 'plan')
      assert.ok(run().stderr.startsWith(usage))
      assert.deepEqual(run('--plan', '/none'), failed(125, 'langrun: cannot open the plan /none: No such file or directory\n'))
      writeFileSync(file, 'plan\x002\0\n')
      assert.equal(
        run('--plan', file).stderr,
        `langrun: cannot use the plan ${file}: its version is not 1: this launcher is too old or too new for it; langrun install makes a new one\n`,
      )
      writeFileSync(
        file,
        encode([
          ['plan', '1'],
          ['setenv', 'A', 'b'],
          ['exec', '/bin/sh'],
          ['arg', 'sh'],
          ['arg', '-c'],
          ['arg', 'echo $A $0 $1'],
          ['script'],
          ['args'],
        ]),
      )
      assert.deepEqual(run('--plan', file, '--', 'script', 'two words'), ok('b script two words\n'))
    })
  })
})

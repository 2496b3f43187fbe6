/** The transparency contract, line by line: a script in its container behaves as if the interpreter were on the host. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { as, DAEMON, failed, homePlan, makeWorld, mounts, ok, unlessMissing, type World } from './launcher-world.ts'

for (const uid of [DAEMON, 0]) {
  describe(`a script that uid ${uid} starts by dot-slash`, unlessMissing(), () => {
    let world: World
    let before_: string
    before(() => {
      before_ = mounts()
      world = makeWorld()
      world.install(uid, homePlan(world.image))
    })
    after(() => {
      world.dispose()
      assert.equal(mounts(), before_, 'no mount is left behind')
    })

    const script = (text: string, name?: string) => world.script(uid, text, name)
    const start = (text: string, ...args: string[]) => as(world, uid, [script(text), ...args])

    it('runs in the image, not on the host', () => {
      assert.deepEqual(start('cat /etc/image; [ -e /usr/share ] || echo no host'), ok('the image\nno host\n'))
    })

    it('exits with its own status, each from 0 to 255', () => {
      const path = script('exit $1')
      for (const status of [0, 1, 2, 42, 125, 126, 127, 128, 130, 137, 254, 255]) {
        assert.deepEqual(as(world, uid, [path, String(status)]), { status, signal: null, stdout: '', stderr: '' })
      }
      const all = as(world, uid, ['/bin/sh', '-c', `i=0; while [ $i -le 255 ]; do ${path} $i; [ $? = $i ] || echo $i; i=$((i + 1)); done`])
      assert.deepEqual(all, ok(''))
    })

    it('dies by the very signal that killed it', () => {
      for (const signal of ['SIGTERM', 'SIGKILL', 'SIGSEGV', 'SIGINT', 'SIGHUP', 'SIGPIPE', 'SIGUSR1', 'SIGABRT']) {
        const result = start(`ulimit -c 0; kill -${signal.slice(3)} $$; sleep 5`)
        assert.deepEqual(result, { status: null, signal, stdout: '', stderr: '' })
      }
    })

    it('gets its arguments byte for byte', () => {
      const path = script('printf "[%s]" "$0" "$@"')
      assert.deepEqual(
        as(world, uid, [path, '', 'two words', 'a\nb', '-x', '--', '*', '"\'$`\\', '']),
        ok(`[${path}][][two words][a\nb][-x][--][*]["'$\`\\][]`),
      )
      assert.deepEqual(as(world, uid, ['/bin/sh', '-c', `exec "${path}" "$(printf '\\377\\200x')"`]), ok(`[${path}][\xff\x80x]`))
    })

    it('gets the same arguments by an entry without the flag O, as those of binfmt-support are', () => {
      const [name, extension] = [`langrun-test-launcher-${process.pid}-PF`, `${world.extension}PF`]
      writeFileSync('/proc/sys/fs/binfmt_misc/register', `:${name}:E::${extension.slice(1)}::${join(world.folder, 'runner')}:PF`)
      try {
        const path = script('printf "[%s]" "$0" "$@"', `flags${extension}`)
        assert.deepEqual(as(world, uid, [path, 'x', '']), ok(`[${path}][x][]`))
        assert.deepEqual(
          as(world, uid, [script('#!/bin/echo host\n', `shebang${extension}`), 'x']).stdout,
          `host ${path.replace('flags', 'shebang')} x\n`,
        )
      } finally {
        writeFileSync(`/proc/sys/fs/binfmt_misc/${name}`, '-1')
      }
    })

    it('gets thousands of arguments and variables', () => {
      const path = script('echo $# $V2999')
      const args = Array.from({ length: 5000 }, (_, i) => `argument-${i}`)
      const env = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`V${i}`, `value-${i}`]))
      assert.deepEqual(as(world, uid, [path, ...args], { env }), ok('5000 value-2999\n'))
    })

    it('sees its own path as it was typed, relative and with dots too', () => {
      script('echo "$0"')
      const name = `script${world.extension}`
      mkdirSync(join(world.home(uid), 'sub'), { recursive: true })
      for (const typed of [`./${name}`, `sub/../${name}`, `.//${name}`]) assert.deepEqual(as(world, uid, [typed]), ok(`${typed}\n`))
      assert.deepEqual(as(world, uid, [`../${name}`], { cwd: join(world.home(uid), 'sub') }), ok(`../${name}\n`))
    })

    it('is in the folder that the caller is in, also if that was reached by a link', () => {
      const path = script('pwd; pwd -P; ls marker')
      const home = world.home(uid)
      rmSync(join(home, 'real'), { recursive: true, force: true })
      mkdirSync(join(home, 'real'))
      chownSync(join(home, 'real'), uid, uid)
      writeFileSync(join(home, 'real/marker'), '')
      rmSync(join(home, 'link'), { force: true })
      symlinkSync('real', join(home, 'link'))
      const result = as(world, uid, ['/bin/sh', '-c', `cd ${home}/link; exec ${path}`])
      assert.deepEqual(result, ok(`${home}/link\n${home}/real\nmarker\n`))
    })

    it('says so when the working folder was removed', () => {
      const path = script('true')
      const result = as(world, uid, ['/bin/sh', '-c', `mkdir gone; cd gone; rmdir ../gone; exec ${path}`])
      const reason = 'No such file or directory; it was removed, or cannot be reached from here: enter another'
      assert.deepEqual(result, failed(125, `langrun: cannot tell the working folder: ${reason}\n`))
    })

    it('has the environment of its caller, but for the documented list', () => {
      const env = { LD_PRELOAD: '', LD_LIBRARY_PATH: '/nowhere', LANG: 'de_DE.UTF-8', LC_ALL: 'C', LANGUAGE: 'de', EMPTY: '', ODD: 'a=b c' }
      const result = as(world, uid, [script('env'), 'x'], { env })
      const home = world.home(uid)
      const expected = [
        'EMPTY=',
        `HOME=${home}`,
        'LANG=C.UTF-8',
        'LANGUAGE=de',
        'LC_ALL=C',
        'ODD=a=b c',
        'PATH=/usr/bin:/usr/bin:/bin',
        `PWD=${home}`,
        'SHLVL=1',
      ]
      assert.deepEqual(result.stdout.trim().split('\n').sort(), expected)
    })

    it('gets the descriptors that it was given, process substitution and closed ones, and no others', () => {
      const list = 'for fd in /proc/self/fd/*; do echo ${fd##*/}; done'
      const close = 'for f in /proc/$$/fd/*; do f=${f##*/}; [ $f -gt 2 ] && eval "exec $f>&-"; done'
      const path = script(`set -- $(${list}); echo $*`)
      // The shell itself opens the script (10), the loop the folder (3 or so): compare with the same shell outside.
      const inside = as(world, uid, ['/bin/bash', '-c', `${close}; exec ${path} 7</etc/passwd`])
      const outside = as(world, uid, ['/bin/bash', '-c', `${close}; exec ${world.image}/usr/bin/sh ${path} 7</etc/passwd`])
      assert.deepEqual(inside, outside)
      assert.match(inside.stdout, /\b7\b/)
      assert.deepEqual(as(world, uid, ['/bin/bash', '-c', `exec ${script('cat $1')} <(echo substituted)`]), ok('substituted\n'))
      for (const fd of [0, 1, 2]) {
        const closed = script(`[ -e /proc/$$/fd/${fd} ] && exit 1; exit 9`)
        assert.equal(as(world, uid, ['/bin/sh', '-c', `exec ${closed} ${fd}>&-`]).status, 9)
      }
      assert.equal(
        as(world, uid, ['/bin/sh', '-c', `exec ${script('ls /proc/$$/fd >/tmp/x 2>/dev/null; exit 9')} 0>&- 1>&- 2>&-`]).status,
        9,
      )
      rmSync('/tmp/x', { force: true })
    })

    it('reads the input and keeps output and errors apart', () => {
      const result = as(world, uid, [script('cat; echo error >&2')], { input: 'typed' })
      assert.deepEqual(result, { status: 0, signal: null, stdout: 'typed', stderr: 'error\n' })
    })

    it('writes files that are the user’s, with the user’s umask', () => {
      const path = script('umask; echo x >new; mkdir folder')
      for (const name of ['new', 'folder']) rmSync(join(world.home(uid), name), { recursive: true, force: true })
      assert.deepEqual(as(world, uid, ['/bin/sh', '-c', `umask 027; exec ${path}`]), ok('0027\n'))
      const file = statSync(join(world.home(uid), 'new'))
      assert.deepEqual([file.uid, file.gid, file.mode & 0o777], [uid, uid, 0o640])
      assert.equal(statSync(join(world.home(uid), 'folder')).mode & 0o777, 0o750)
    })

    it('is the user whom the host knows', () => {
      assert.deepEqual(start('whoami; id -u; id -g'), ok(`${uid === 0 ? 'root' : 'daemon'}\n${uid}\n${uid}\n`))
    })

    it('is the very process that was started: pid, parent, group and session', () => {
      const path = script('cut -d" " -f1,4-7 /proc/$$/stat')
      const child = as(world, uid, ['/bin/sh', '-c', `cut -d' ' -f1,4-7 /proc/$$/stat; exec ${path}`])
      const [outside, inside] = child.stdout.trim().split('\n')
      assert.equal(inside, outside)
    })

    it('has no privileges and can get none', () => {
      const status = start('grep -E "^(CapPrm|CapEff|NoNewPrivs)" /proc/self/status').stdout
      // uid 0 keeps CAP_SETFCAP alone, without which nested starts could not map uid 0.
      const kept = uid === 0 ? '0000000080000000' : '0000000000000000'
      assert.equal(status, `CapPrm:\t${kept}\nCapEff:\t${kept}\nNoNewPrivs:\t1\n`)
      assert.deepEqual(start('umount / 2>/dev/null && echo unmounted; chroot / /usr/bin/true 2>/dev/null && echo chrooted; true'), ok(''))
    })

    it('cannot write to the image or to the new root, nor reach the host’s root', () => {
      const result = start(
        'for f in /new /usr/new /etc/new; do (: >$f) 2>/dev/null && echo $f; done; ls -d /../../../etc/debian_version /var 2>/dev/null; true',
      )
      assert.deepEqual(result, ok(''))
    })

    it('cannot uncover what is below its root, not even as root of a user namespace of its own', () => {
      const tries =
        'umount / ; umount -l /; umount -l /usr; umount -l /etc/passwd; mount -o remount,rw /usr; mount --move /usr /tmp; pivot_root / /tmp; chroot /.. true'
      const result = start(
        `unshare -Urm sh -c '{ ${tries}; } 2>/dev/null; ls -d /../etc/debian_version /usr/share /var 2>/dev/null; : >/usr/new' 2>/dev/null; cat /etc/image`,
      )
      assert.deepEqual(result, ok('the image\n'))
      assert.deepEqual(start('unshare -Urm id -u'), ok('0\n'), 'the attempt is a real one')
    })

    it('starts scripts from scripts, twenty levels deep', () => {
      const path = script('[ $1 = 0 ] && { echo bottom $$; exit 7; }; "$0" $(($1 - 1))')
      const result = as(world, uid, [path, '24'])
      assert.deepEqual(
        { ...result, stdout: result.stdout.replace(/\d+/, 'PID') },
        { status: 7, signal: null, stdout: 'bottom PID\n', stderr: '' },
      )
    })

    it('leaves children that live on after it', async () => {
      const home = world.home(uid)
      rmSync(join(home, 'later'), { force: true })
      assert.deepEqual(start('(sleep 0.5; cat /etc/image >later) >/dev/null 2>&1 & true'), ok(''))
      await new Promise((resolve) => setTimeout(resolve, 1500))
      assert.equal(readFileSync(join(home, 'later'), 'utf8'), 'the image\n')
    })

    it('is not started at all if its first line names an interpreter that the host has', () => {
      const onHost = '[ -e /etc/debian_version ] && echo host; printf "[%s]" "$0" "$@"'
      for (const line of ['#!/bin/sh', '#! /bin/sh -e ', '#!/usr/bin/env sh', '#!/usr/bin/env -S sh -e', '#!/usr/bin/env -S -u X A=1 sh']) {
        const path = script(`${line}\n${onHost}\n`)
        assert.deepEqual(as(world, uid, [path, 'a b', '']), ok(`host\n[${path}][a b][]`), line)
      }
    })

    it('runs in the container if its first line names one that the host lacks', () => {
      const odd = [
        '#!/no/such/sh',
        '#!/usr/bin/env no-such-sh',
        '#!/usr/bin/env -S no-such-sh -e',
        '#!/tmp',
        '#!',
        '#! ',
        `#!${'/x'.repeat(200)}`,
        '#!/etc/passwd',
      ]
      for (const line of odd) assert.deepEqual(start(`${line}\ncat /etc/image\n`), ok('the image\n'), line)
      const path = join(world.home(uid), `script${world.extension}`)
      assert.deepEqual(start(`#!${path}\ncat /etc/image\n`), ok('the image\n'), 'itself')
    })

    it('gets its first line’s one argument as the kernel would give it', () => {
      const path = script('#!/bin/echo  -n \t two words \nx\n')
      assert.deepEqual(as(world, uid, [path, 'more']), ok(`-n \t two words ${path} more\n`))
    })

    it('runs as what it is if it is a program with the extension', () => {
      const path = join(world.home(uid), `program${world.extension}`)
      copyFileSync('/bin/busybox', path)
      chmodSync(path, 0o755)
      assert.deepEqual(as(world, uid, ['/bin/bash', '-c', `exec -a echo ${path} a '' b`]), ok('a  b\n'))
    })

    it('runs without being readable', () => {
      const path = script('echo unread')
      chmodSync(path, 0o711)
      chownSync(path, uid === 0 ? DAEMON : 0, 0)
      const result = as(world, uid, [path])
      chownSync(path, uid, uid)
      // The launcher started it; the interpreter itself cannot read it, as on the host.
      if (uid === 0) assert.deepEqual(result, { ...ok(''), status: 2, stderr: `sh: can't open '${path}': Permission denied\n` })
      else assert.equal(result.status, 2)
    })

    it('cannot type into the terminal', () => {
      const python =
        'import fcntl\nfor n in 0x5412, 0x541c, 0x5412 | 1 << 32:\n  try: fcntl.ioctl(1, n, b"x"); print("typed")\n  except OSError as e: print(e.errno)\n'
      const filter = [
        ['plan', '1'],
        ['seccomp', 'terminal'],
        ['exec', '/usr/bin/python3'],
        ['arg', 'python3'],
        ['arg', '-c'],
        ['arg', python],
      ] as const
      writeFileSync(join(world.folder, 'tiocsti.plan'), filter.map((r) => `${r.join('\0')}\0\n`).join(''))
      if (spawnSync('/usr/bin/python3', ['-c', '']).status === 0) {
        assert.deepEqual(as(world, uid, [world.launcher, '--plan', join(world.folder, 'tiocsti.plan')]), ok('1\n1\n1\n'))
      }
    })

    it('refuses to run with privileges that are not the caller’s', () => {
      if (uid === 0) return
      const runner = join(world.folder, 'set-uid')
      copyFileSync(join(world.folder, 'runner'), runner)
      chmodSync(runner, 0o4755)
      assert.deepEqual(
        as(world, uid, [runner, script('echo no')]),
        failed(
          125,
          'langrun: cannot run with the privileges of another user or of a file; remove the set-id bit or the file capabilities\n',
        ),
      )
      rmSync(runner)
    })

    it('can be started two hundred times at once', async () => {
      const path = script('echo "$1"')
      const privileges = uid === 0 ? [] : ['--reuid', String(uid), '--regid', String(uid), '--clear-groups']
      const starts = Array.from({ length: 200 }, (_, i) => {
        const child = spawn('/usr/bin/setpriv', [...privileges, '--', path, String(i)], {
          env: { HOME: world.home(uid), PATH: '/usr/bin' },
          cwd: world.home(uid),
        })
        let output = ''
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
        return new Promise<string>((resolve) => child.on('close', (code, signal) => resolve(`${output}${code}${signal}`)))
      })
      assert.deepEqual(
        await Promise.all(starts),
        starts.map((_, i) => `${i}\n0null`),
      )
    })
  })
}

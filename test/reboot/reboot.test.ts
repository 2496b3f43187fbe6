/**
 * langrun after a reboot: a virtual machine with Debian's own kernel and systemd, in which langrun is set up by its own commands.
 *
 * The tests are one story on one disk: installed and registered; started again, wiped by other software and healed; clean after
 * unregister; registered with Debian's binfmt-support instead; and last an older kernel.
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { isRoot, needs } from '../machine.ts'
import { type Boot, boot, type Step } from './boot.ts'
import { type Image, makeImage, USER } from './image.ts'

/** On two quiet cores a boot takes 20 to 30 s, and installing two languages 80 s more; a busy machine needs three times that. */
const BOOT_SECONDS = 240
const INSTALL_SECONDS = 600

const root = (command: string): Step => ({ as: 'root', command })
const user = (command: string): Step => ({ as: USER, command })

const LISP = '(format t "~a~%" (+ 1 2)) (ext:exit 7)'
const PYTHON = 'import sys; print(sys.argv)'
const writeScripts = user(`echo '${LISP}' >a.lisp; echo '${PYTHON}' >a.py; chmod +x a.lisp a.py`)
const lisp = user('./a.lisp')
const python = user('./a.py "two words" ""')
const entries = root('ls /proc/sys/fs/binfmt_misc')
const traces = root(
  'find /etc /run /proc/sys/fs/binfmt_misc /usr/share /var/lib/binfmts -name "*langrun*" 2>/dev/null; grep -rls langrun /etc',
)

const ran = (stdout: string, status: number) => ({ stdout, stderr: '', status })
const THREE_SEVEN = ran('3\n', 7)
const ARGUMENTS = ran("['./a.py', 'two words', '']\n", 0)

suite('after a reboot', { concurrency: 1 }, () => {
  const tools = ['qemu-system-x86_64', 'mmdebstrap', 'mke2fs']
  const canRun = isRoot && process.arch === 'x64' && tools.every((tool) => spawnSync(tool, ['--version']).error === undefined)
  let folder: string
  let image: Image

  before(() => {
    if (!canRun) return
    folder = mkdtempSync(join(tmpdir(), 'langrun-reboot-'))
    image = makeImage(folder)
  })

  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true })
  })

  async function start<Name extends string>(
    t: TestContext,
    steps: Record<Name, Step>,
    { kernel = image.kernel, maxSeconds = BOOT_SECONDS } = {},
  ) {
    const { outcomes, transcript }: Boot<Name> = await boot({ kernel, disk: image.disk, folder }, maxSeconds, steps)
    t.diagnostic(`\n${transcript}`)
    return outcomes
  }

  const can = (t: TestContext) => needs(t, canRun, `root on x86-64, and ${tools.join(', ')}: sh scripts/packages.sh reboot`)

  test('langrun is set up by its own commands', async (t) => {
    if (!can(t)) return
    const steps = {
      install: root('langrun install --system clisp python'),
      register: root('langrun register'),
      writeScripts,
      lisp,
      python,
      entries,
    }
    const { install, register, ...done } = await start(t, steps, { maxSeconds: INSTALL_SECONDS })
    assert.equal(install.status, 0, install.stderr)
    assert.equal(register.status, 0, register.stderr)
    assert.deepEqual([done.lisp, done.python], [THREE_SEVEN, ARGUMENTS])
    assert.match(done.entries.stdout, /^langrun-lisp$/m)
  })

  test('an ordinary user dot-slashes a script after the reboot; what other software wiped is healed', async (t) => {
    if (!can(t)) return
    const steps = {
      unit: root('systemctl --no-pager --lines 0 status systemd-binfmt'),
      entries,
      lisp,
      python,
      wipe: root('echo -1 >/proc/sys/fs/binfmt_misc/status'),
      wiped: lisp,
      doctor: root('langrun doctor'),
      restart: root('systemctl restart systemd-binfmt'),
      restarted: lisp,
      wipeAgain: root('echo -1 >/proc/sys/fs/binfmt_misc/status'),
      heal: root('langrun register --heal'),
      healed: lisp,
      unregister: root('langrun unregister'),
    }
    const done = await start(t, steps)
    assert.deepEqual([done.lisp, done.python], [THREE_SEVEN, ARGUMENTS], 'after the reboot')
    assert.match(done.unit.stdout, /^ +Active: active \(exited\)/m)
    assert.match(done.entries.stdout, /^langrun-lisp$/m)
    assert.notEqual(done.wiped.status, 7)
    assert.deepEqual(done.restarted, THREE_SEVEN, 'after systemd-binfmt was started again')
    assert.deepEqual(done.healed, THREE_SEVEN, 'after langrun register --heal')
    assert.equal(done.unregister.status, 0, done.unregister.stderr)
  })

  test('unregister left no trace; with binfmt-support in place of systemd, langrun registers there', async (t) => {
    if (!can(t)) return
    const steps = {
      traces,
      package: root('dpkg -i /srv/*.deb && systemctl mask systemd-binfmt'),
      register: root('langrun register'),
      lisp,
    }
    const done = await start(t, steps)
    assert.equal(done.traces.stdout, '')
    assert.equal(done.package.status, 0, done.package.stderr)
    assert.equal(done.register.status, 0, done.register.stderr)
    assert.deepEqual(done.lisp, THREE_SEVEN)
  })

  test('an ordinary user dot-slashes a script after the reboot with binfmt-support', async (t) => {
    if (!can(t)) return
    const steps = {
      unit: root('systemctl is-active binfmt-support systemd-binfmt'),
      display: root('update-binfmts --display langrun-lisp'),
      lisp,
      python,
      unregister: root('langrun unregister'),
      traces,
    }
    const done = await start(t, steps)
    assert.deepEqual([done.lisp, done.python], [THREE_SEVEN, ARGUMENTS], 'after the reboot')
    assert.equal(done.unit.stdout, 'active\ninactive\n')
    assert.match(done.display.stdout, /^langrun-lisp \(enabled\):$/m)
    assert.equal(done.unregister.status, 0, done.unregister.stderr)
    assert.equal(done.traces.stdout, '')
  })

  test('Linux 6.1 runs scripts by the registry, and has no langrun shell', async (t) => {
    if (!can(t)) return
    const steps = { kernel: root('uname -r'), register: root('langrun register'), lisp, python, shell: user('langrun shell true') }
    const done = await start(t, steps, { kernel: image.oldKernel })
    assert.match(done.kernel.stdout, /^6\.1\./)
    assert.equal(done.register.status, 0, done.register.stderr)
    assert.deepEqual([done.lisp, done.python], [THREE_SEVEN, ARGUMENTS])
    const reason = `Linux ${done.kernel.stdout.trim()} has one registry for all; one for each user namespace came with 6.7`
    assert.deepEqual([done.shell.status, done.shell.stderr.split('\n')[1]], [1, `  because: ${reason}`])
  })
})

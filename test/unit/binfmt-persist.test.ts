/** Registrations that come back after a boot, on a made-up root for each kind of host: what is written, and that all of it goes again. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite, test } from 'node:test'
import { registerCommands } from '../../src/binfmt/boot-script.ts'
import type { Definition } from '../../src/binfmt/definition.ts'
import { filesThatName, readPaper } from '../../src/binfmt/paper.ts'
import { addHealer, forget, forgetGroup, type Persistence, persist } from '../../src/binfmt/persist.ts'
import { readBoot } from '../../src/host/boot.ts'

const LISP: Definition = {
  name: 'langrun-lisp',
  match: { kind: 'extension', extension: 'lisp' },
  interpreter: '/var/lib/langrun/runners/clisp',
  flags: 'POF',
}
const ELF: Definition = {
  name: 'arm',
  match: { kind: 'magic', offset: 0, magic: Buffer.from('\x7fELF'), mask: Buffer.from('ffffff00', 'hex') },
  interpreter: '/usr/bin/qemu',
  flags: '',
}
const HEADER = '# Written by langrun. To take it back: langrun unregister, or langrun binfmt remove NAME.\n'
const LISP_LINE = ':langrun-lisp:E::lisp::/var/lib/langrun/runners/clisp:POF\n'
const ELF_LINE = `${String.raw`:arm:M:0:\x7f\x45\x4c\x46:\xff\xff\xff\x00:/usr/bin/qemu:`}\n`
const COMMANDS = registerCommands({ prefix: 'langrun-' })
const FSTAB = '/dev/sda1 / ext4 defaults 0 1\n'
const MOUNT = '# langrun: begin\nnone /proc/sys/fs/binfmt_misc binfmt_misc defaults 0 0\n# langrun: end\n'
const SYSTEMD = { 'run/systemd/system/': '', 'etc/systemd/system/': '', 'etc/binfmt.d/': '' }

interface Case {
  readonly host: Readonly<Record<string, string>>
  readonly registrar: string
  /** Files that are there besides the papers, or are other than before. */
  readonly added: Readonly<Record<string, string | RegExp>>
  readonly ran?: readonly string[]
}

const HOSTS: Readonly<Record<string, Case>> = {
  'systemd reads the papers itself': {
    host: { ...SYSTEMD, 'usr/lib/systemd/systemd-binfmt': '' },
    registrar: 'systemd',
    added: {},
  },
  'systemd without systemd-binfmt gets a unit': {
    host: SYSTEMD,
    registrar: 'systemd-unit',
    added: {
      'etc/systemd/system/langrun.service': /^\[Unit\]\n.*\nExecStart=\/l register --heal\n.*\nWantedBy=multi-user.target\n$/s,
      'etc/systemd/system/multi-user.target.wants/langrun.service': '-> ../langrun.service',
    },
    ran: ['systemctl daemon-reload'],
  },
  'binfmt-support gets a file for each entry where systemd-binfmt is masked': {
    host: {
      ...SYSTEMD,
      'usr/lib/systemd/systemd-binfmt': '',
      'etc/systemd/system/systemd-binfmt.service': '-> /dev/null',
      'usr/sbin/update-binfmts': '',
      'usr/share/binfmts/jar': 'package openjdk-17\ninterpreter /usr/bin/jexec\nmagic PK\\x03\\x04\n',
    },
    registrar: 'binfmt-support',
    added: {
      'usr/share/binfmts/arm': [
        'package langrun',
        'interpreter /usr/bin/qemu',
        String.raw`magic \x7f\x45\x4c\x46`,
        'offset 0',
        String.raw`mask \xff\xff\xff\x00`,
        'credentials no\npreserve no\nfix_binary no\n',
      ].join('\n'),
      'usr/share/binfmts/langrun-lisp':
        'package langrun\ninterpreter /var/lib/langrun/runners/clisp\nextension lisp\ncredentials no\npreserve yes\nfix_binary yes\n',
    },
    ran: ['update-binfmts --import langrun-lisp', 'update-binfmts --import arm'],
  },
  "OpenRC's own service is added to the boot": {
    host: { 'run/openrc/': '', 'etc/init.d/binfmt': '#!/sbin/openrc-run\n', 'etc/runlevels/boot/': '' },
    registrar: 'openrc',
    added: { 'etc/runlevels/boot/binfmt': '-> /etc/init.d/binfmt' },
  },
  'OpenRC without that service gets a local script': {
    host: { 'run/openrc/': '', 'etc/local.d/README': 'x' },
    registrar: 'openrc-local',
    added: { 'etc/local.d/langrun.start': `#!/bin/sh\n# Written by langrun: registers its formats at boot.\n${COMMANDS}exit 0\n` },
  },
  'sysvinit gets a boot script, its links and the mount': {
    host: { 'etc/inittab': '', 'etc/init.d/ssh': '', ...levels(), 'etc/fstab': FSTAB },
    registrar: 'sysvinit',
    added: {
      'etc/init.d/langrun': /^#!\/bin\/sh\n### BEGIN INIT INFO\n# Provides: {10}langrun\n/,
      ...Object.fromEntries([2, 3, 4, 5].map((level) => [`etc/rc${level}.d/S20langrun`, '-> ../init.d/langrun'])),
      'etc/fstab': FSTAB + MOUNT,
    },
  },
  'an fstab without a last line break, and an rc.local that ends with exit 0': {
    host: { 'etc/rc.local': '#!/bin/sh\necho hi\nexit 0\n', 'etc/fstab': FSTAB.trimEnd() },
    registrar: 'rc-local',
    added: {
      'etc/rc.local': `#!/bin/sh\necho hi\n# langrun: begin\n${COMMANDS}# langrun: end\nexit 0\n`,
      'etc/fstab': `${FSTAB}${MOUNT.replace('begin', 'begin, after a line without an end')}`,
    },
  },
  'an fstab that mounts it already stays': {
    host: { 'etc/rc.local': '', 'etc/fstab': 'none /proc/sys/fs/binfmt_misc binfmt_misc defaults 0 0\n' },
    registrar: 'rc-local',
    added: { 'etc/rc.local': `# langrun: begin\n${COMMANDS}# langrun: end\n` },
  },
  'a host that langrun does not know gets the papers alone': { host: { 'etc/passwd': '' }, registrar: 'none', added: {} },
}

suite('after a boot', () => {
  for (const [what, { host, registrar, added, ran = [] }] of Object.entries(HOSTS)) {
    test(what, () => {
      const calls: string[] = []
      using root = makeRoot(host)
      const before = contentsOf(root.path)
      const persistence = persistenceFor(root.path, calls)
      assert.equal(persist(persistence, 'register', [LISP]).registrar, registrar)
      persist(persistence, 'entry-arm', [ELF])
      const after = contentsOf(root.path)
      delete after['etc/binfmt.d/.langrun-made']
      const papers = { 'etc/binfmt.d/langrun-register.conf': HEADER + LISP_LINE, 'etc/binfmt.d/langrun-entry-arm.conf': HEADER + ELF_LINE }
      const changed = Object.fromEntries(Object.entries(after).filter(([path, text]) => before[path] !== text && !path.endsWith('/')))
      assert.deepEqual(Object.keys(changed).sort(), [...Object.keys(papers), ...Object.keys(added)].sort())
      for (const [path, text] of Object.entries({ ...papers, ...added })) {
        if (typeof text === 'string') assert.equal(changed[path], text)
        else assert.match(changed[path] ?? '', text)
      }
      assert.deepEqual([...new Set(calls)], ran)
      assert.deepEqual(
        readPaper(persistence).map(({ definition }) => definition.name),
        ['arm', 'langrun-lisp'],
      )

      persist(persistence, 'register', [LISP])
      assert.deepEqual(
        { ...contentsOf(root.path), 'etc/binfmt.d/.langrun-made': undefined },
        { ...after, 'etc/binfmt.d/.langrun-made': undefined },
        'twice is once',
      )

      forget(persistence, 'arm')
      assert.ok(existsSync(join(root.path, 'etc/binfmt.d/langrun-register.conf')))
      forgetGroup(persistence, 'register')
      assert.deepEqual(contentsOf(root.path), before, 'no trace')
    })
  }

  test('a change of the host made in the meantime survives', () => {
    using root = makeRoot({ 'etc/rc.local': 'a\nexit 0\n', 'etc/fstab': FSTAB })
    const persistence = persistenceFor(root.path)
    persist(persistence, 'register', [LISP])
    const fstab = join(root.path, 'etc/fstab')
    writeFileSync(fstab, `${readFileSync(fstab, 'utf8')}tmpfs /tmp tmpfs defaults 0 0\n`)
    forgetGroup(persistence, 'register')
    assert.equal(readFileSync(fstab, 'utf8'), `${FSTAB}tmpfs /tmp tmpfs defaults 0 0\n`)
  })

  test('a file of the host with the name of ours stays as it is', () => {
    using root = makeRoot({ 'run/openrc/': '', 'etc/local.d/langrun.start': 'mine' })
    const before = contentsOf(root.path)
    const persistence = persistenceFor(root.path)
    persist(persistence, 'register', [LISP])
    assert.equal(readFileSync(join(root.path, 'etc/local.d/langrun.start'), 'utf8'), 'mine')
    forgetGroup(persistence, 'register')
    assert.deepEqual(contentsOf(root.path), before)
  })
})

suite('where neighbours wipe the registry', () => {
  const WSL = { 'proc/sys/kernel/osrelease': '5.15.153.1-microsoft-standard-WSL2\n' }

  test('WSL with systemd gets a timer', () => {
    const calls: string[] = []
    using root = makeRoot({ ...WSL, ...SYSTEMD, 'usr/lib/systemd/systemd-binfmt': '' })
    const before = contentsOf(root.path)
    const persistence = persistenceFor(root.path, calls)
    assert.deepEqual(persist(persistence, 'register', [LISP]), { registrar: 'systemd', neighbours: 'wsl' })
    const text = (path: string): string => contentsOf(root.path)[`etc/systemd/system/${path}`] ?? ''
    assert.match(text('langrun-heal.service'), /^Type=oneshot\nExecStart=\/l register --heal$/m)
    assert.match(text('langrun-heal.timer'), /^OnUnitActiveSec=60$/m)
    assert.equal(text('timers.target.wants/langrun-heal.timer'), '-> ../langrun-heal.timer')
    forgetGroup(persistence, 'register')
    assert.deepEqual(contentsOf(root.path), before)
    assert.deepEqual(calls, [
      'systemctl daemon-reload',
      'systemctl start langrun-heal.timer',
      'systemctl stop langrun-heal.timer',
      'systemctl daemon-reload',
    ])
  })

  test('WSL without systemd gets a line for cron', () => {
    using root = makeRoot({ ...WSL, 'etc/cron.d/': '' })
    const before = contentsOf(root.path)
    const persistence = persistenceFor(root.path)
    assert.deepEqual(persist(persistence, 'register', [LISP]), { registrar: 'none', neighbours: 'wsl' })
    assert.match(contentsOf(root.path)['etc/cron.d/langrun-heal'] ?? '', /^\* \* \* \* \* root \/l register --heal$/m)
    forgetGroup(persistence, 'register')
    assert.deepEqual(contentsOf(root.path), before)
  })

  test('a container is known, and has no healer unless asked for', () => {
    using root = makeRoot({ '.dockerenv': '' })
    const persistence = persistenceFor(root.path)
    assert.deepEqual(readBoot(root.path), { registrar: 'none', neighbours: 'container' })
    persist(persistence, 'register', [LISP])
    assert.equal(addHealer(persistence), 'nothing')
  })
})

suite('papers', () => {
  test('whoever names an entry is found, of the files that count', () => {
    using root = makeRoot({
      'usr/lib/binfmt.d/python3.11.conf': ':python3.11:M::\\xa7\\x0d\\x0d\\x0a::/usr/bin/python3.11:\n',
      'usr/lib/binfmt.d/hidden.conf': ':python3.11:E::py::/usr/bin/python3.11:\n',
      'etc/binfmt.d/hidden.conf': '# nothing\n',
      'var/lib/binfmts/python3.11': 'python3.11\nmagic\n',
    })
    assert.deepEqual(filesThatName(root.path, 'python3.11'), ['/usr/lib/binfmt.d/python3.11.conf', '/var/lib/binfmts/python3.11'])
    assert.deepEqual(filesThatName(root.path, 'jar'), [])
  })

  test('the boot script writes one line at a time, byte for byte, and no comment', () => {
    using root = makeRoot({ 'registry/register': '' })
    const persistence = persistenceFor(root.path)
    persist(persistence, 'register', [LISP])
    persist(persistence, 'entry-arm', [ELF])
    const log = join(root.path, 'log')
    // Each write of the script replaces the file, so what is in it at the end is the last one; strace would need privileges.
    const script = registerCommands({ prefix: 'langrun-' }, join(root.path, 'registry'))
      .replaceAll('/etc/binfmt.d', join(root.path, 'etc/binfmt.d'))
      .replaceAll(`> ${join(root.path, 'registry')}/register`, `>> ${log}; echo >> ${log}`)
    const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    assert.equal(readFileSync(log, 'utf8'), ELF_LINE + LISP_LINE)
  })
})

function levels(): Record<string, string> {
  return Object.fromEntries([2, 3, 4, 5].map((level) => [`etc/rc${level}.d/S01ssh`, '-> ../init.d/ssh']))
}

function persistenceFor(root: string, calls: string[] = []): Persistence {
  return { root, prefix: 'langrun-', heal: '/l register --heal', run: (...words) => void calls.push(words.join(' ')) }
}

/** @param files path → text, `-> target` for a link; a path that ends in / is a folder */
function makeRoot(files: Readonly<Record<string, string>>): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'langrun-host-'))
  mkdirSync(join(path, 'etc'))
  for (const [name, text] of Object.entries(files)) {
    const place = join(path, name)
    mkdirSync(name.endsWith('/') ? place : dirname(place), { recursive: true })
    if (name.endsWith('/')) continue
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), place)
    else writeFileSync(place, text)
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

/** Everything below a folder: path → text, `-> target`, or nothing for a folder. */
function contentsOf(root: string): Record<string, string | undefined> {
  return Object.fromEntries(
    readdirSync(root, { recursive: true, encoding: 'utf8' })
      .sort()
      .map((name) => {
        const info = lstatSync(join(root, name))
        if (info.isDirectory()) return [`${name}/`, '']
        return [name, info.isSymbolicLink() ? `-> ${readlinkSync(join(root, name))}` : readFileSync(join(root, name), 'utf8')]
      }),
  )
}

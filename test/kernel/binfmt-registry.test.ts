/** `langrun binfmt` and `langrun register` against the kernel's own files, in a registry of the test's own. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { LANGRUN, needs } from '../machine.ts'
import { canHavePrivateRegistry, makePrivateRegistry, SHOW } from '../private-registry.ts'
import { complains, says } from './cli-world.ts'

const REGISTRY = '/proc/sys/fs/binfmt_misc'
const can = (t: TestContext): boolean => needs(t, canHavePrivateRegistry(), 'a binfmt_misc of its own in a user namespace: Linux 6.7')
/** What an article writes into the registry. */
const echo = (line: string, file = 'register'): string => `printf '%s\\n' '${line}' > ${REGISTRY}/${file}`
const quiet = (command: string): string => `langrun ${command} >/dev/null 2>&1 || echo FAILED`

/** Of other software, as Debian's packages register it. */
const OTHERS = [
  String.raw`:python3.11:M::\xa7\x0d\x0d\x0a::/usr/bin/python3.11:`,
  String.raw`:jar:M::PK\x03\x04::/usr/bin/jexec:`,
  String.raw`:qemu-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/bin/true:OPF`,
]
const AARCH64 = '--magic 7f454c460201010000000000000000000200b700 --mask ffffffffffffff00fffffffffffffffffeffffff'

/** Each article's way, and langrun's. */
const ARTICLES: Readonly<Record<string, readonly [article: string, langrun: string]>> = {
  'Nerd Sniped: scripts in Go': [
    echo(':golang:E::go::/usr/local/bin/gorun:OC'),
    quiet('binfmt add golang --extension go --interpreter /usr/local/bin/gorun --flags OC'),
  ],
  'Nerd Sniped: Common Lisp in a container': [
    echo(':clisp:E::lisp::/usr/local/bin/clisp:OC'),
    quiet('binfmt add clisp --extension .lisp --interpreter /usr/local/bin/clisp --flags OC'),
  ],
  'On binfmt_misc: Python by extension': [
    echo(':python:E::py::/usr/bin/python:OC'),
    quiet('binfmt add python --extension py --interpreter /usr/bin/python --flags CO'),
  ],
  'On binfmt_misc: everything off': [
    `${echo(':python:E::py::/usr/bin/python:OC')}; ${echo('0', 'status')}`,
    `${quiet('binfmt add python --extension py --interpreter /usr/bin/python --flags OC')}; ${quiet('binfmt disable')}`,
  ],
  'On binfmt_misc: off and on again': [
    `${echo(':python:E::py::/usr/bin/python:OC')}; ${echo('0', 'status')}; ${echo('1', 'status')}`,
    `${quiet('binfmt add python --extension py --interpreter /usr/bin/python --flags OC')}; ${quiet('binfmt disable')}; ${quiet('binfmt enable')}`,
  ],
  'On binfmt_misc: removed again': [
    `${echo(':python:E::py::/usr/bin/python:OC')}; ${echo('-1', 'python')}`,
    `${quiet('binfmt add python --extension py --interpreter /usr/bin/python --flags OC')}; ${quiet('binfmt remove python')}`,
  ],
  'On binfmt_misc: Python by a magic comment': [
    echo(String.raw`:python:M::\x235318008::/usr/bin/python:OC`),
    quiet("binfmt add python --magic '#5318008' --interpreter /usr/bin/python --flags OC"),
  ],
  'On binfmt_misc: the same, escaped as in the article': [
    echo(String.raw`:python:M::\x235318008::/usr/bin/python:OC`),
    quiet(String.raw`binfmt add python --magic '\x235318008' --interpreter /usr/bin/python --flags OC`),
  ],
  'The hidden secret: programs for ARM by QEMU, whose F keeps it open': [
    echo(OTHERS[2]!),
    quiet(`binfmt add qemu-aarch64 ${AARCH64} --interpreter /bin/true --flags OPF`),
  ],
  'The hidden secret: jar files and Java classes': [
    `${echo(':ExecutableJAR:E::jar::/usr/bin/jarwrapper:')}; ${echo(String.raw`:Java:M::\xca\xfe\xba\xbe::/usr/bin/javawrapper:`)}`,
    `${quiet('binfmt add ExecutableJAR --extension jar --interpreter /usr/bin/jarwrapper')}; ${quiet('binfmt add Java --magic cafebabe --interpreter /usr/bin/javawrapper')}`,
  ],
  'Registrations are global: an entry without flags, with a mask': [
    echo(
      String.raw`:mips:M::\x7fELF\x01\x02\x01::/usr/local/bin/qemu-mips-static:`.replace(
        '::/usr',
        String.raw`:\xff\xff\xff\xff\xff\xff\xff:/usr`,
      ),
    ),
    quiet(String.raw`binfmt add mips --magic '\x7fELF\x01\x02\x01' --mask ffffffffffffff --interpreter /usr/local/bin/qemu-mips-static`),
  ],
  'a single entry off': [
    `${echo(':a:E::a::/bin/cat:')}; ${echo('0', 'a')}`,
    `${quiet('binfmt add a --extension a --interpreter /bin/cat')}; ${quiet('binfmt disable a')}`,
  ],
  'magic at an offset, with every byte that needs care': [
    echo(String.raw`:x:M:4:\x00\x3a\x5c\x0a::/bin/cat:`),
    quiet(String.raw`binfmt add x --magic '\x00:\\\x0a' --offset 4 --interpreter /bin/cat`),
  ],
  'colons in the fields': [echo(',a:b,E,,x:y,,/bin/cat,'), quiet('binfmt add a:b --extension x:y --interpreter /bin/cat')],
}

suite('the registry', { concurrency: 1 }, () => {
  for (const [what, [article, langrun]] of Object.entries(ARTICLES)) {
    test(`${what}: langrun leaves the kernel in the same state`, (t) => {
      if (!can(t)) return
      using registry = makePrivateRegistry()
      const expected = registry.run(`${article}; ${SHOW}`)
      assert.deepEqual({ ...expected, stdout: '' }, says(''))
      assert.deepEqual(registry.run(`${langrun}; ${SHOW}`), expected)
    })
  }

  test('On binfmt_misc: systemd-binfmt registers what langrun wrote for it, and takes it back', (t) => {
    const program = ['/usr/lib/systemd/systemd-binfmt', '/lib/systemd/systemd-binfmt'].find((path) => existsSync(path))
    if (!can(t) || !needs(t, program !== undefined, "systemd's systemd-binfmt")) return
    using registry = makePrivateRegistry()
    const adds = [
      "binfmt add python --magic '#5318008' --interpreter /usr/bin/python3 --flags O --persist",
      'binfmt add a:b --extension x:y --interpreter /bin/cat --persist',
      `binfmt add arm ${AARCH64} --interpreter /bin/true --flags OPF --persist`,
    ]
    const { stdout, stderr, status } = registry.run(`
      for folder in /usr/lib/binfmt.d /lib/binfmt.d /run; do [ ! -d $folder ] || mount -t tmpfs none $folder; done
      mkdir -p ${registry.host}/etc/binfmt.d && mount --bind ${registry.host}/etc/binfmt.d /etc/binfmt.d
      ${[...adds.map(quiet), quiet('register')].join('\n')}
      (${SHOW}) > before; ${program} 2>&1; (${SHOW}) > after; cmp before after && grep -c '^.langrun-' after
      ${program} --unregister; ls ${REGISTRY}`)
    assert.deepEqual([stdout.replace(/^\d+$/m, 'N'), stderr, status], ['N\nregister\nstatus\n', '', 0])
  })

  test('update-binfmts imports what langrun wrote for it, and unregister takes it back', (t) => {
    if (!can(t) || !needs(t, existsSync('/usr/sbin/update-binfmts'), "Debian's binfmt-support")) return
    using registry = makePrivateRegistry()
    // The machine's own root, with the folders that matter replaced: systemd is there, and systemd-binfmt is masked.
    const commands = `
      for folder in /run /etc/binfmt.d /etc/systemd/system /usr/share/binfmts /var/lib/binfmts; do mount -t tmpfs none $folder || exit; done
      mkdir -p /run/systemd/system; ln -s /dev/null /etc/systemd/system/systemd-binfmt.service
      systemctl() { :; }
      ${quiet('binfmt add arm --magic 0x7f454c46ff --mask fffffffff0 --interpreter /bin/true --flags PF --persist')}
      langrun register | tail -1
      cat /var/lib/binfmts/langrun-lisp | tr '\\n' '|'; echo
      (${SHOW}) > before
      ${echo('-1', 'status')}; ls ${REGISTRY}; update-binfmts --enable
      sed -i 's/^flags: POF/flags: PF/' before; (${SHOW}) > after; cmp before after
      update-binfmts --display langrun-lisp
      langrun unregister | sed 's/[0-9][0-9]*/N/'; langrun binfmt remove arm; ls ${REGISTRY} /var/lib/binfmts /usr/share/binfmts; ls -A /etc/binfmt.d`
    const { stdout, stderr } = registry.run(commands.replace('cmp before after', 'cmp before after'), {
      LANGRUN_HOST_ROOT: '/',
    })
    const expected = `after each boot binfmt-support registers it
langrun|extension|0|lisp||FOLDER/store/runners/clisp||no|yes|yes|
register
status
langrun-lisp (enabled):
     package = langrun
        type = extension
      offset = 0
       magic = lisp
        mask = 
 interpreter = FOLDER/store/runners/clisp
    detector = 
unregistered N endings
removed arm
${REGISTRY}:
register
status

/usr/share/binfmts:

/var/lib/binfmts:
`
    assert.deepEqual(
      [stdout.replaceAll(/^\s+(?=\S)/gm, ''), stderr.replace(/^.*systemctl.*\n/gm, '')],
      [expected.replaceAll(/^\s+(?=\S)/gm, ''), ''],
    )
  })

  test('registrations of other software stay as they were, byte for byte', (t) => {
    if (!can(t)) return
    using registry = makePrivateRegistry()
    const steps = ['register', 'register', 'binfmt add x --extension x --interpreter /bin/cat --persist', 'binfmt remove x', 'unregister']
    const { stdout, stderr, status } = registry.run(
      `${OTHERS.map((line) => echo(line)).join('\n')}; (${SHOW}) > before; cp -r ${registry.host} copy
       ${steps.map(quiet).join('\n')}
       (${SHOW}) > after; cmp before after && diff -r copy ${registry.host} && echo same`,
    )
    assert.deepEqual([stdout, stderr, status], ['same\n', '', 0])
    assert.deepEqual(readdirSync(join(registry.host, 'etc')), [])
  })

  test('the entry that was registered last takes the file, and the list says so', (t) => {
    if (!can(t)) return
    using registry = makePrivateRegistry()
    const { stdout } = registry.run(`
      printf '#!/bin/sh\necho one' > one; printf '#!/bin/sh\necho two' > two; echo '#mine' > a.x; chmod +x one two a.x
      ${quiet('binfmt add one --extension x --interpreter $PWD/one')}; langrun binfmt add two --magic '#mine' --interpreter $PWD/two | head -1
      ./a.x; langrun binfmt list --json | tr -d ' \\n' | grep -o '"name":"[a-z]*"'; langrun why a.x
      ${quiet('binfmt disable two')}; ./a.x; langrun binfmt add three --extension x --interpreter $PWD/two | head -1; ./a.x; langrun binfmt show one`)
    assert.equal(
      stdout,
      `two: files that begin with 236d696e65 ("#mine") start FOLDER/two
two
"name":"two"
"name":"one"
file        a.x
decided by  its first bytes
entry       two (236d696e65)
            one matches too, but was registered earlier: the last one wins
started by  FOLDER/two
one
three: files that end in .x (case matters: not .X) start FOLDER/two
two
enabled
interpreter FOLDER/one
flags: 
extension .x
line :one:E::x::FOLDER/one:
also claimed by three, registered later: that one wins
`,
    )
  })

  const REFUSED: Readonly<Record<string, readonly [command: string, message: string, status: number]>> = {
    'a magic that is in every program': [
      'binfmt add x --magic 7f454c46 --interpreter /bin/cat',
      'langrun: cannot register x\n  because: its magic and mask match every program of this machine, which would stop working\n  hint: compare more bytes (for ELF files the machine at offset 18); --force registers it all the same\n',
      1,
    ],
    'a magic that is in every script': [
      "binfmt add x --magic '#!' --interpreter /bin/cat",
      'langrun: cannot register x\n  because: its magic and mask match every script with #!/bin/sh as its first line, which would stop working\n  hint: compare more bytes (for ELF files the machine at offset 18); --force registers it all the same\n',
      1,
    ],
    'an interpreter that is not there, with F': [
      'binfmt add x --extension x --interpreter /nope --flags F',
      'langrun: cannot register x\n  because: /nope does not exist, and with the flag F the kernel opens it now\n  hint: install it first, or leave F out\n',
      127,
    ],
    'a name that is taken': [
      'binfmt add a --extension x --interpreter /bin/cat',
      'langrun: cannot register a\n  because: there is an entry of this name, for /bin/true\n  hint: --replace puts yours in its place: langrun binfmt show shows the old one\n',
      2,
    ],
    "a name of langrun's own": [
      'binfmt add langrun-x --extension x --interpreter /bin/cat',
      "langrun: cannot register langrun-x\n  because: names that begin with langrun- are langrun's own\n  hint: choose another name\n",
      2,
    ],
    'neither extension nor magic': [
      'binfmt add x --interpreter /bin/cat',
      'langrun: cannot register x\n  because: nothing says which files it is for\n  hint: give --extension or --magic\n',
      2,
    ],
    'both of them': [
      'binfmt add x --extension x --magic x --interpreter /bin/cat',
      'langrun: cannot register x\n  because: it is for an extension or for a magic, not for both\n  hint: give --extension or --magic\n',
      2,
    ],
    'the removal of an entry that is not there': [
      'binfmt remove nope',
      'langrun: cannot find the entry "nope"\n  hint: all entries: langrun binfmt list\n',
      127,
    ],
    "the removal of another software's entry": [
      'binfmt remove a',
      'langrun: cannot remove a\n  because: other software registered it, and will again at each boot: /usr/lib/binfmt.d/a.conf\n  hint: langrun binfmt disable a switches it off until then; --force removes it all the same\n',
      2,
    ],
  }
  for (const [what, [command, message, status]] of Object.entries(REFUSED)) {
    test(`${what} is refused, and nothing changes`, (t) => {
      if (!can(t)) return
      using registry = makePrivateRegistry()
      const { stdout, ...outcome } = registry.run(`
        mkdir -p ${registry.host}/usr/lib/binfmt.d; echo ':a:E::a::/bin/true:' > ${registry.host}/usr/lib/binfmt.d/a.conf
        ${echo(':a:E::a::/bin/true:')}; (${SHOW}) > before; langrun ${command}; code=$?; (${SHOW}) > after; cmp before after; exit $code`)
      assert.deepEqual({ stdout, ...outcome }, complains(message, status))
    })
  }

  test('the flag C, an interpreter that is not there and a rival are warned of', (t) => {
    if (!can(t)) return
    using registry = makePrivateRegistry()
    const { stderr } = registry.run(`${echo(':old:E::x::/bin/true:')}; langrun binfmt add x --extension x --interpreter /nope --flags C`)
    assert.equal(
      stderr,
      `warning: /nope does not exist: files that match cannot start until it is there
warning: flag C: a set-uid file that matches makes /nope run with the rights of that file's owner, root's too, and few interpreters can be trusted with that: leave C out unless this one is made for it
warning: old takes such files too; x wins, for it was registered later
`,
    )
  })

  test('what other software wiped is seen, and comes back: by --heal, and at once under --watch', (t) => {
    if (!can(t)) return
    using registry = makePrivateRegistry()
    const { stdout, status } = registry.run(`
      ${quiet('register')}; (${SHOW}) > before; ${echo('-1', 'status')}; ls ${REGISTRY} | wc -l
      langrun status | sed -n '2s/^[0-9]*/N/p'; langrun doctor | grep -A1 '^NO  registered endings' | sed 's/: [0-9][0-9]*/: N/'
      langrun register --heal | cut -c1-26; (${SHOW}) > after; cmp before after && echo healed
      ${LANGRUN} register --watch >/dev/null 2>&1 & sleep 1; ${echo('-1', 'langrun-lisp')}; ${echo('-1', 'status')}
      n=0; until (${SHOW}) > after; cmp -s before after || [ $n = 50 ]; do n=$((n + 1)); sleep 0.1; done; cmp before after && echo healed
      kill $!; wait $!; echo $?; langrun register --heal`)
    assert.equal(
      stdout,
      `2
N entries are gone from the kernel, which other software must have removed: sudo langrun register --heal
NO  registered endings: N are gone from the kernel: other software removed them
      sudo langrun register --heal   (if it happens again: sudo langrun register --keep heals every minute)
registered again: langrun-
healed
healed
0
nothing was missing
`,
    )
    assert.equal(status, 0)
  })
})

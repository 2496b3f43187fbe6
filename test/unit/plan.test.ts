/** Plans: the format there and back, what of a host a plan shows, and runners. */

import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { parseLanguage } from '../../src/catalogue/recipe.ts'
import { decodePlan, encodePlan, LARGEST_PLAN, MOST_RECORDS, type Step } from '../../src/plan/format.ts'
import { homePlan } from '../../src/plan/home.ts'
import { isVisible, reveal } from '../../src/plan/reveal.ts'
import { makeRunner } from '../../src/plan/runner.ts'
import { onFoundSkeleton, onSkeleton } from '../../src/plan/skeleton.ts'
import { collect } from '../../src/store/collect.ts'
import { createStore, type Store } from '../../src/store/store.ts'

const EVERY: readonly Step[] = [
  ['language', 'x'],
  ['namespace', 'user'],
  ['identity', 'same'],
  ['image', '/i'],
  ['skeleton', '/s'],
  ['root'],
  ['dir', '/d'],
  ['link', 'usr/bin', '/bin'],
  ['host', '/home', 'o'],
  ['bind', '/a', '/b', 'rsd'],
  ['from-image', '/usr', '-'],
  ['stores'],
  ['tmpfs', '/t', 'mode=755'],
  ['proc', '/proc'],
  ['binfmt', '/b'],
  ['write', '/f', 'a\nb'],
  ['cwd', '/'],
  ['setenv', 'A', ''],
  ['unsetenv', 'LD_*'],
  ['prefixenv', 'PATH', '/x'],
  ['locale', 'C.UTF-8'],
  ['seccomp', 'terminal'],
  ['restore-identity'],
  ['exec', '/usr/bin/ü\n x'],
  ['arg', ''],
  ['script'],
  ['args'],
]

test('a plan comes back as it was written, whatever its operands hold', () => {
  assert.deepEqual(decodePlan(encodePlan(EVERY)), EVERY)
})

test('a plan on disk is what ARCHITECTURE.md says', () => {
  assert.equal(encodePlan([['exec', '/a'], ['arg', 'x y'], ['args']]).toString(), 'plan\x001\0\nexec\0/a\0\narg\0x y\0\nargs\0\n')
})

test('what the launcher would refuse is not written', () => {
  assert.throws(() => encodePlan([['arg', 'a\0b']]), { code: 'usage', message: 'cannot put "a\\u0000b" into a plan' })
  assert.throws(() => encodePlan(Array(MOST_RECORDS).fill(['args'])), { code: 'unsupported' })
  assert.throws(() => encodePlan([['arg', 'x'.repeat(LARGEST_PLAN)]]), { code: 'unsupported' })
})

test('bytes that are no plan are refused', () => {
  for (const text of ['', 'plan\x002\0\n', 'exec\0/a\0\n', 'plan\x001\0\nnothing\0/a\0\n', 'plan\x001\0\nbind\0/a\0\n']) {
    assert.throws(() => decodePlan(Buffer.from(text)), { code: 'damaged', message: 'cannot read a plan' }, JSON.stringify(text))
  }
})

test("a runner ends with 512 bytes that name its language and the system's store", () => {
  const runner = makeRunner(Buffer.from('launcher'), { language: 'lua', system: '/var/lib/langrun', kind: 'script' })
  assert.equal(runner.length, 8 + 512)
  assert.equal(runner.toString().replace(/\0+$/, '').concat('\0'), 'launcherrunner\x001\0\nlanguage\0lua\0\nsystem\0/var/lib/langrun\0\n\0')
  assert.match(makeRunner(Buffer.alloc(0), { language: 'lua', system: '/s', kind: 'bound' }).toString(), /system\0\/s\0\nbound\0\n\0+$/)
  assert.match(makeRunner(Buffer.alloc(0), { language: 'lua', system: '/s', kind: 'shim' }).toString(), /system\0\/s\0\nshim\0\n\0+$/)
  assert.throws(() => makeRunner(Buffer.alloc(0), { language: 'lua', system: `/${'x'.repeat(500)}`, kind: 'script' }), {
    code: 'unsupported',
  })
})

suite('a plan for a made-up host', () => {
  let folder: string
  let steps: Step[]
  let rootfs: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'langrun-plan-'))
    rootfs = join(folder, 'rootfs')
    const host = join(folder, 'host')
    const make = (root: string, ...names: string[]): void => {
      for (const name of names) {
        const [path, target] = name.split(' -> ') as [string, string?]
        const at = join(root, path)
        mkdirSync(path.endsWith('/') ? at : dirname(at), { recursive: true })
        if (target !== undefined) symlinkSync(target, at)
        else if (!path.endsWith('/')) writeFileSync(at, '')
      }
    }
    make(
      rootfs,
      'usr/bin/lua',
      'usr/share/lua/',
      'usr/share/man -> ../man',
      'usr/lib/',
      'etc/hosts',
      'etc/passwd',
      'var/lib/lua/db',
      'var/www/',
    )
    make(
      host,
      ...['usr/', 'etc/', 'boot/', 'proc/', 'sys/', 'dev/', 'lost+found/', 'root/', 'srv/', 'data/', 'tmp/', 'a-file'],
      ...['bin -> usr/bin', 'home -> var/home', 'mnt -> /data', 'var/home/', 'var/lib/apt/', 'var/www/site/', 'var/run -> /run', 'run/'],
    )
    const language = parseLanguage('lua', 'command = ["lua", "-x", "{script}", "{args}"]\nenvironment = { A = "b" }\n', 'x')
    steps = homePlan({ language, rootfs, host })
  })
  after(() => rmSync(folder, { recursive: true }))

  test("shows the host's data where it is, links as links, and the image's system", () => {
    const shown = steps.filter(([operation]) => ['dir', 'link', 'host', 'from-image'].includes(operation)).map((step) => step.join(' '))
    const devices = shown.filter((it) => it.includes('/dev') || it.includes('/proc') || it.includes('/sys'))
    assert.deepEqual(
      shown.filter((it) => !devices.includes(it)),
      [
        'from-image /usr rsd',
        'from-image /etc rsd',
        'link usr/bin /bin',
        'link usr/lib /lib',
        // Both have /var, /var/lib and /var/www: they are merged.
        'dir /var',
        'dir /var/lib',
        'from-image /var/lib/lua rsd',
        'host /var/lib/apt o',
        'host /var/www o',
        'host /var/home o',
        'link /run /var/run',
        'host /data o',
        'link var/home /home',
        'link /data /mnt',
        'host /root o',
        'host /run o',
        'host /srv o',
        'host /tmp o',
        'host /usr/local/bin o',
        'host /etc/passwd o',
        'host /etc/hosts o',
      ],
    )
  })

  test("ends with the program, the recipe's arguments, the script's and the caller's", () => {
    const at = steps.findIndex(([operation]) => operation === 'exec')
    assert.deepEqual(steps.slice(at), [['exec', '/usr/bin/lua'], ['arg', 'lua'], ['arg', '-x'], ['script'], ['args']])
    assert.ok(steps.some((step) => step.join(' ') === 'setenv A b'))
  })

  const visible = (...paths: string[]): Record<string, boolean> => Object.fromEntries(paths.map((path) => [path, isVisible(steps, path)]))

  test('knows what it shows', () => {
    assert.deepEqual(
      visible('/', '/srv', '/srv/x/y', '/var/home/me/a.lua', '/usr/share/doc/x', '/usr/local/bin/x', '/usr/bin', '/boot', '/var', '/srvx'),
      {
        '/': true,
        '/srv': true,
        '/srv/x/y': true,
        '/var/home/me/a.lua': true,
        '/usr/share/doc/x': false,
        '/usr/local/bin/x': true,
        '/usr/bin': false,
        '/boot': false,
        '/var': true,
        '/srvx': false,
      },
    )
  })

  /** What reveal adds, in the order of the plan, and what it takes away. */
  const change = (inSight: Parameters<typeof reveal>[2]): string[] => {
    const [before, now] = [steps, reveal(steps, rootfs, inSight)].map((it) => it.map((step) => step.join(' '))) as [string[], string[]]
    return [
      ...before.filter((it) => !now.includes(it)).map((it) => `- ${it}`),
      ...now.filter((it) => !before.includes(it)).map((it) => `+ ${it}`),
    ]
  }

  test('a script in sight changes nothing', () => {
    assert.deepEqual(change({ cwd: '/srv', script: '/srv/a.lua', folder: '/srv' }), [])
  })

  test("a folder below one of the image's is shown in it: the image's is opened entry by entry", () => {
    assert.deepEqual(change({ cwd: '/srv', script: '/usr/share/doc/x/a.lua', folder: '/usr/share/doc/x' }), [
      '- from-image /usr rsd',
      '+ dir /usr',
      '+ from-image /usr/bin rsd',
      '+ from-image /usr/lib rsd',
      '+ dir /usr/share',
      '+ from-image /usr/share/lua rsd',
      '+ link ../man /usr/share/man',
      '+ host /usr/share/doc/x -',
    ])
  })

  test('a script in a folder that the image has too is shown alone', () => {
    const changed = change({ cwd: '/srv', script: '/usr/bin/a.lua' })
    assert.deepEqual(changed.at(-1), '+ host /usr/bin/a.lua -')
    assert.ok(changed.includes('+ from-image /usr/bin/lua rsd'))
  })

  test('a folder of the host that no plan shows is shown', () => {
    assert.deepEqual(change({ cwd: '/boot', script: '/boot/a.lua' }), ['+ host /boot -'])
  })

  suite('on a skeleton', () => {
    let store: Store
    const skeletonOf = (plan: readonly Step[]): string => plan.find((step) => step[0] === 'skeleton')?.[1] ?? assert.fail('no skeleton')
    const make = (plan: readonly Step[]): Step[] => onSkeleton(store, plan, join(folder, 'host'))
    const find = (plan: readonly Step[]): Step[] => onFoundSkeleton(store, plan, join(folder, 'host'))
    before(() => {
      store = { path: join(folder, 'store'), kind: 'user' }
      createStore(store)
    })

    test('is the same plan and names what was made for it', () => {
      assert.deepEqual(find(steps), steps)
      const made = make(steps)
      assert.deepEqual(
        made.filter(([operation]) => operation !== 'skeleton'),
        steps,
      )
      assert.equal(
        made.findIndex(([operation]) => operation === 'skeleton') + 1,
        made.findIndex(([operation]) => operation === 'root'),
      )
      assert.deepEqual(find(steps), made)
      assert.deepEqual(make(steps), made)
      assert.deepEqual(readdirSync(join(store.path, 'roots')).length, 1)
    })

    test('has a folder, a file or a link wherever the plan puts something in the root itself', () => {
      const path = skeletonOf(make(steps))
      const list = (name: string): string[] => readdirSync(join(path, name)).sort()
      assert.deepEqual(
        list('/').filter((it) => it !== 'sys'),
        ['bin', 'data', 'dev', 'etc', 'home', 'lib', 'mnt', 'proc', 'root', 'run', 'srv', 'tmp', 'usr', 'var'],
      )
      assert.deepEqual(list('var'), ['home', 'lib', 'run', 'www'])
      assert.deepEqual(list('var/lib'), ['apt', 'lua'])
      assert.deepEqual([...list('usr'), ...list('etc'), ...list('srv')], [])
      assert.equal(readlinkSync(join(path, 'bin')), 'usr/bin')
      assert.equal(readlinkSync(join(path, 'dev/stdin')), '/proc/self/fd/0')
      for (const name of ['', 'usr', 'var/lib/lua']) assert.equal(lstatSync(join(path, name)).mode & 0o7777, 0o755, name)
    })

    test('is mended when it was damaged', () => {
      const path = skeletonOf(make(steps))
      for (const spoil of [() => rmdirSync(join(path, 'usr')), () => chmodSync(join(path, 'srv'), 0o777), () => chmodSync(path, 0o775)]) {
        spoil()
        assert.equal(skeletonOf(make(steps)), path)
        assert.deepEqual(
          ['', 'usr', 'srv'].map((name) => lstatSync(join(path, name)).mode & 0o7777),
          [0o755, 0o755, 0o755],
        )
      }
    })

    test('goes when no plan names it', () => {
      const kept = make(steps)
      const other = skeletonOf(make([...steps, ['dir', '/other']]))
      writeFileSync(join(store.path, 'plans/lua.home'), encodePlan(kept))
      collect(store)
      assert.deepEqual([existsSync(skeletonOf(kept)), existsSync(other)], [true, false])
      rmSync(join(store.path, 'plans/lua.home'))
      collect(store)
      assert.equal(existsSync(skeletonOf(kept)), false)
    })

    test('is none for a plan that makes no root, or covers it', () => {
      for (const plan of [[['exec', '/x']], [['image', '/i'], ['root'], ['from-image', '/', '-']]] as Step[][])
        assert.deepEqual(make(plan), plan)
    })
  })

  test('to stand in / or in a folder of the system needs no more than to go there', () => {
    assert.deepEqual(change({ cwd: '/' }), [])
    assert.deepEqual(change({ cwd: '/usr/bin' }), ['+ cwd /usr/bin'])
  })
})

/** What goes wrong outside langrun: each error says what, why and what now, keeps nothing half-done, and the next try works. */

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, suite, test } from 'node:test'
import { makeKey } from '../archive.ts'
import { LANGRUN, type Outcome } from '../machine.ts'
import { assertConsistent, type CliWorld, complains, give, HELLO, PACKAGES, says, startWorld, unlessMissing } from './cli-world.ts'

suite('an installation that cannot be', { concurrency: 1, ...unlessMissing() }, () => {
  let world: CliWorld
  before(async () => {
    world = await startWorld()
    world.script('hello.lua', HELLO)
  })
  after(() => world[Symbol.asyncDispose]())
  afterEach(async () => {
    world.configure(world.user)
    const { stdout, stderr, status } = await world.langrun('install', 'lua')
    assert.match(stdout, /^installed lua/, `the next try works: ${stderr}`)
    assert.equal(status, 0)
    assertConsistent(world.store)
    assert.deepEqual(await world.langrun('run', './hello.lua', 'x'), says('lua5.4: x\n'))
    for (const path of [world.store, world.cache]) rmSync(path, { recursive: true, force: true })
  })

  const install = async (...more: string[]): Promise<Outcome> => {
    const outcome = world.redact(await world.langrun('install', 'lua', ...more))
    // Steps that were done or begun before, a line each.
    return { ...outcome, stderr: outcome.stderr.replace(/^(package index(: failed)?|download|configuring lua)\n/gm, '') }
  }
  const deb = /lua5\.4_.*\.deb$/

  test('no network: the mirror cannot be reached', async () => {
    assert.deepEqual(
      await install('--mirror', 'http://127.0.0.1:1/debian'),
      complains(
        [
          'langrun: cannot reach http://127.0.0.1:1/debian/dists/trixie/InRelease',
          '  because: connect ECONNREFUSED 127.0.0.1:1',
          '  hint: try again, or choose another mirror',
          '',
        ].join('\n'),
        1,
      ),
    )
  })

  test('no network: the name cannot be resolved', async () => {
    assert.deepEqual(
      await install('--mirror', 'http://no-such-host.invalid/debian'),
      complains(
        [
          'langrun: cannot reach http://no-such-host.invalid/debian/dists/trixie/InRelease',
          '  because: getaddrinfo ENOTFOUND no-such-host.invalid',
          '  hint: check that this machine is online and can look up no-such-host.invalid; behind a proxy set http_proxy and https_proxy',
          '',
        ].join('\n'),
        1,
      ),
    )
  })

  test('an address that is no archive', async () => {
    assert.deepEqual(
      await install('--mirror', `${world.archive.url}/elsewhere`),
      complains(
        [
          'langrun: cannot find the Debian suite "trixie"',
          '  because: cannot find MIRROR/elsewhere/dists/trixie/InRelease',
          '  because: the server answered 404 Not Found',
          '  hint: check the name of the suite and the mirror',
          '',
        ].join('\n'),
        127,
      ),
    )
  })

  test('a signature by another key', async () => {
    const { key } = await makeKey()
    writeFileSync(join(world.user.home, 'archive.asc'), key)
    world.archive.requests.length = 0
    const { stderr, ...rest } = await install()
    assert.deepEqual(
      { ...rest, stderr: stderr.replace(/[0-9a-f]{16}/, 'KEY') },
      complains(
        [
          'langrun: cannot trust the release file of trixie from MIRROR',
          '  because: Could not find signing key with key ID KEY',
          '  hint: something on the way may have changed it; try another mirror, or give the key that signs this archive',
          '',
        ].join('\n'),
        1,
      ),
    )
    assert.deepEqual(
      world.archive.requests.filter((it) => !it.includes('InRelease')),
      [],
      'nothing else is asked for',
    )
  })

  test('a package that is not what the index says', async () => {
    world.archive.fault(deb, { kind: 'corrupt' }, 1)
    const { stderr, stdout, status } = await install()
    assert.match(stderr, /^langrun: cannot (trust|use|unpack|verify).*lua5\.4.*\n {2}because: .*\n {2}hint: .*\n$/s)
    assert.deepEqual({ stdout, status }, { stdout: '', status: 1 })
  })

  test('a connection that breaks is taken up again where it broke', async () => {
    world.archive.requests.length = 0
    world.archive.fault(/dash_.*\.deb$/, { kind: 'drop', after: 300_000 }, 2)
    assert.equal((await install()).status, 0)
    const asked = world.archive.requests.filter((it) => it.includes('/dash_'))
    assert.equal(asked.length, 3)
    assert.match(asked.at(-1) ?? '', /bytes=\d{6,}-$/)
    rmSync(world.store, { recursive: true })
  })

  test('an installation that was interrupted is continued, not begun anew', async () => {
    world.archive.requests.length = 0
    world.archive.fault(/dash_.*\.deb$/, { kind: 'stall', after: 300_000 }, 1)
    const { child, outcome } = world.start(['install', 'lua'])
    while (parts().length === 0 || !parts().some((size) => size > 200_000)) await new Promise((resolve) => setTimeout(resolve, 20))
    child.kill('SIGINT')
    assert.deepEqual(world.redact(await outcome), { stdout: '', stderr: 'package index\ndownload\n', status: null, signal: 'SIGINT' })
    assert.equal((await install()).status, 0)
    assertConsistent(world.store)
    assert.match(world.archive.requests.filter((it) => it.includes('/dash_')).at(-1) ?? '', /bytes=\d{6,}-$/)
    rmSync(world.store, { recursive: true })
  })

  function parts(): number[] {
    const folder = join(world.cache, 'downloads/sha256')
    try {
      return readdirSync(folder)
        .filter((name) => name.endsWith('.part'))
        .map((name) => statSync(join(folder, name)).size)
    } catch {
      return []
    }
  }

  for (const [what, folder] of [
    ['store', '.local/share/langrun'],
    ['cache', '.cache/langrun'],
  ] as const) {
    test(`a full disk below the ${what}`, async () => {
      const place = join(world.user.home, folder)
      mkdirSync(place, { recursive: true })
      give(join(world.user.home, folder.split('/')[0]!), world.user.uid)
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=800k,mode=700,uid=${world.user.uid},gid=${world.user.uid}`, 'tmpfs', place])
      try {
        const { stdout, stderr, status } = await install()
        assert.match(
          stderr,
          /^langrun: cannot .*~.*\n {2}because: .*ENOSPC.*\n {2}hint: free some space \(see `df -h`\), then try again.*\n$/s,
        )
        assert.deepEqual({ stdout, status }, { stdout: '', status: 1 })
        if (what === 'store') assertConsistent(place)
      } finally {
        execFileSync('umount', [place])
      }
    })

    test(`a ${what} that the user may not write`, async () => {
      const place = join(world.user.home, folder)
      mkdirSync(place, { recursive: true })
      execFileSync('chown', ['root:root', place])
      const { stdout, stderr, status } = await install()
      assert.match(
        stderr,
        /^langrun: cannot .*~.*\n {2}because: EACCES: permission denied, .*\n {2}hint: check who owns the path above and whether it can be written\n$/,
      )
      assert.deepEqual({ stdout, status }, { stdout: '', status: 1 })
      rmSync(place, { recursive: true })
    })
  }

  test('no user namespaces: the cause and doctor are named', async () => {
    const { stdout, stderr, status } = await withoutNamespaces('install', 'lua')
    assert.match(stderr, /langrun: cannot configure .*\n {2}because: langrun: cannot enter namespaces: .*user\.max_user_namespaces.*\n/)
    assert.match(stderr, /hint: see what this host lacks: langrun doctor\n$/)
    assert.deepEqual({ stdout, status }, { stdout: '', status: 1 })
    const doctor = await withoutNamespaces('doctor')
    assert.match(doctor.stdout, /^NO {2}user namespaces: .*\n {6}sudo sysctl -w user\.max_user_namespaces=15000/m)
    assert.equal(doctor.status, 1)
  })

  /** In a user namespace whose limit is 0 for what lies in it, without the capabilities of its root. */
  function withoutNamespaces(...args: string[]): Promise<Outcome> {
    const script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all -- "$@"'
    return world.run('unshare', ['--user', '--map-root-user', 'sh', '-c', script, 'sh', LANGRUN, ...args])
  }

  test('packages that do not exist: an archive without what a recipe wants', async () => {
    const { stdout, stderr, status } = world.redact(await world.langrun('install', 'python'))
    assert.match(stderr, /langrun: cannot .*python3.*\n/)
    assert.deepEqual({ stdout, status }, { stdout: '', status: 127 })
  })

  test('a maintainer script that fails says which, and the end of what it printed', async () => {
    const bad = {
      name: 'lua5.4',
      version: '2.0',
      files: {},
      scripts: { postinst: '#!/bin/sh\necho what I was doing\necho it broke >&2\nexit 3\n' },
    }
    await world.archive.publish({ packages: [...PACKAGES.filter(({ name }) => name !== 'lua5.4'), bad] })
    const { stdout, stderr, status } = await install()
    assert.match(
      stderr,
      /^langrun: cannot configure the packages in .*\n {2}because: what I was doing\nit broke\nlua5\.4\.postinst configure {2}ended with 3\n/,
    )
    assert.deepEqual({ stdout, status }, { stdout: '', status: 1 })
    await world.archive.publish({ packages: PACKAGES })
  })
})

suite('a damaged store', { concurrency: 1, ...unlessMissing() }, () => {
  let world: CliWorld
  before(async () => {
    world = await startWorld()
    world.script('hello.lua', HELLO)
    assert.equal(world.system.langrun('register').status, 0)
    assert.equal((await world.langrun('install', 'lua')).status, 0)
  })
  after(() => world[Symbol.asyncDispose]())
  afterEach(async () => {
    assert.deepEqual(await world.run('./hello.lua', ['x']), says('lua5.4: x\n'))
    assertConsistent(world.store)
  })
  const at = (...names: string[]): string => join(world.store, ...names)
  const image = (): string => JSON.parse(readFileSync(at('languages/lua.json'), 'utf8')).image
  const mend = async (): Promise<void> => {
    const { status, stderr } = await world.langrun('install', 'lua')
    assert.equal(status, 0, stderr)
  }
  const clean = async (program: string, ...args: string[]) => world.redact(await world.run(program, args))

  test('an image that was deleted: the remedy is to install again', async () => {
    rmSync(at('images', image()), { recursive: true })
    const { stdout, stderr, status } = await clean('./hello.lua')
    assert.match(stderr, /^langrun: the image of lua is gone.*langrun install lua\n$/)
    assert.deepEqual({ stdout, status }, { stdout: '', status: 127 })
    assert.deepEqual(
      await clean(LANGRUN, 'info', 'lua'),
      complains(
        'langrun: cannot find the image of lua\n  because: ~/.local/share/langrun/images/SHA256/image.json is missing\n  hint: install it again: langrun install lua\n',
        1,
      ),
    )
    await mend()
  })

  test('an image whose description is broken', async () => {
    writeFileSync(at('images', image(), 'image.json'), '{')
    const { stderr, status } = await clean(LANGRUN, 'list')
    assert.match(
      stderr,
      /^langrun: cannot read ~\/.local\/share\/langrun\/images\/SHA256\/image\.json\n {2}because: .*JSON.*\n {2}hint: .*langrun install.*\n$/,
    )
    assert.equal(status, 1)
    assert.deepEqual(await world.run('./hello.lua'), says('lua5.4: \n'), 'scripts run all the same')
    await mend()
  })

  test('a root file system of which a part was deleted', async () => {
    rmSync(at('images', image(), 'rootfs/usr'), { recursive: true })
    const { stdout, stderr, status } = await clean('./hello.lua')
    assert.match(stderr, /^langrun: .*\n$/)
    assert.deepEqual({ stdout, status }, { stdout: '', status: 125 })
    await mend()
  })

  test('a plan that was cut off', async () => {
    truncateSync(at('plans/lua.home'), 100)
    const { stdout, stderr, status } = await clean('./hello.lua')
    assert.match(stderr, /^langrun: .*plan.*\n$/)
    assert.deepEqual({ stdout, status }, { stdout: '', status: 125 })
    await mend()
  })

  test('a plan that was deleted: a script still runs', async () => {
    rmSync(at('plans/lua.home'))
    assert.deepEqual(await world.run('./hello.lua', ['x']), says('lua5.4: x\n'))
    await mend()
  })

  test('a language whose file is broken', async () => {
    writeFileSync(at('languages/lua.json'), 'not JSON')
    const { stderr, status } = await clean(LANGRUN, 'list')
    assert.match(stderr, /^langrun: cannot read ~\/.local\/share\/langrun\/languages\/lua\.json\n {2}because: .*JSON.*\n {2}hint: .*\n$/)
    assert.equal(status, 1)
    await mend()
  })

  test('a launcher that was deleted', async () => {
    rmSync(at('bin/launcher'))
    assert.deepEqual(await world.langrun('run', './hello.lua', 'x'), says('lua5.4: x\n'))
  })

  test('a package that was deleted, or whose description is broken: the next language gets it again', async () => {
    for (const name of readdirSync(at('packages'))) rmSync(at('packages', name, 'package.json'))
    const { status, stderr } = await world.langrun('install', 'ruby')
    assert.equal(status, 0, stderr)
    rmSync(at('packages'), { recursive: true })
    mkdirSync(at('packages'))
    give(at('packages'), world.user.uid)
    assert.equal((await world.langrun('install', 'perl')).status, 0)
    for (const name of ['ruby', 'perl']) assert.equal((await world.langrun('uninstall', name)).status, 0)
  })

  test('what an interrupted langrun left in tmp is swept', async () => {
    mkdirSync(at('tmp/image-x-abc/rootfs'), { recursive: true })
    writeFileSync(at('tmp/image-x-abc/rootfs/file'), '')
    chmodSync(at('tmp/image-x-abc/rootfs'), 0o500)
    spawnSync('chown', ['-R', `${world.user.uid}`, at('tmp')])
    await mend()
    assert.deepEqual(readdirSync(at('tmp')), [])
  })

  test('a cache that was damaged is fetched again', async () => {
    rmSync(world.store, { recursive: true })
    for (const name of readdirSync(join(world.cache, 'downloads/sha256'))) {
      const path = join(world.cache, 'downloads/sha256', name)
      const bytes = readFileSync(path)
      bytes[bytes.length >> 1]! ^= 1
      writeFileSync(path, bytes)
    }
    for (const name of readdirSync(join(world.cache, 'indexes'))) truncateSync(join(world.cache, 'indexes', name), 10)
    await mend()
  })
})

/** Two stores, two users and root: who runs whose files, and above all who does not. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { addUser, LANGRUN, type Outcome, REGISTRY, type User } from '../machine.ts'
import { assertConsistent, type CliWorld, complains, HELLO, says, startWorld, unlessMissing } from './cli-world.ts'

suite('two stores', { concurrency: 1, ...unlessMissing() }, () => {
  let world: CliWorld
  let other: User
  before(async () => {
    world = await startWorld()
    other = addUser('-b')
    world.configure(other)
    for (const ending of ['lua', 'rb', 'lisp']) {
      copyFileSync(world.script(`hello.${ending}`, HELLO), join(other.home, `hello.${ending}`))
      chmodSync(join(other.home, `hello.${ending}`), 0o755)
    }
  })
  after(async () => {
    other.remove()
    await world[Symbol.asyncDispose]()
  })

  const asOther = async (program: string, args: string[] = [], environment: Record<string, string> = {}): Promise<Outcome> => {
    const outcome = await other.start(program, args, { environment: { ...world.system.environment, ...environment } }).outcome
    const stderr = outcome.stderr.replaceAll(other.home, '~other')
    return world.redact({ ...outcome, stderr })
  }
  const asRoot = (program: string, args: string[], environment: Record<string, string>): Outcome => {
    const env = { PATH: process.env['PATH'], HOME: world.system.home, ...world.system.environment, ...environment }
    const { stdout, stderr, status, signal } = spawnSync(program, args, { cwd: world.user.home, env, encoding: 'utf8' })
    return world.redact({ stdout, stderr, status, signal })
  }

  test('only root installs for everyone and registers', async () => {
    assert.deepEqual(
      await world.langrun('install', '--system', 'lua'),
      complains(
        "langrun: cannot change the system's store\n  because: you are not root\n  hint: leave --system out to install for yourself, or use sudo\n",
        1,
      ),
    )
    for (const command of ['register', 'unregister']) {
      assert.deepEqual(
        await world.langrun(command),
        complains(
          `langrun: cannot ${command} for the whole machine\n  because: you are not root\n  hint: sudo langrun ${command}; without root, languages run in: langrun shell\n`,
          1,
        ),
      )
    }
    assert.ok(!existsSync(world.system.store))
  })

  test('after one register, what is not installed says in one line how to install it', async () => {
    const registered = world.system.langrun('register')
    assert.match(registered.stdout, /^registered \d+ endings for every user: \.R \.adb \.awk /)
    assert.deepEqual({ ...registered, stdout: '' }, says(''))
    const line = 'langrun: cannot run ./hello.rb: ruby is not installed; langrun install ruby\n'
    assert.deepEqual(await world.run('./hello.rb'), complains(line, 127))
    assert.deepEqual(await asOther('./hello.rb'), complains(line, 127))
  })

  test("each user's own languages are dot-slash for that user alone", async () => {
    assert.equal((await world.langrun('install', 'lua')).status, 0)
    assert.equal((await asOther(LANGRUN, ['install', 'ruby'])).status, 0)
    assert.deepEqual(await world.run('./hello.lua', ['x']), says('lua5.4: x\n'))
    assert.deepEqual(await asOther('./hello.rb', ['x']), says('ruby: x\n'))
    assert.equal((await world.run('./hello.rb')).status, 127)
    assert.equal((await asOther('./hello.lua')).status, 127)
    assert.equal(statSync(world.store).mode & 0o777, 0o700)
  })

  test("what root installs is everybody's, and everybody's own comes first", async () => {
    const installed = await world.system.start('install', '--system', 'lua', 'clisp').outcome
    assert.deepEqual({ ...installed, stderr: '' }, { ...installed, stderr: '', status: 0 })
    assert.deepEqual(readdirSync(world.system.store).sort().join(' '), 'bin images languages lock packages plans roots runners shims tmp')
    assertConsistent(world.system.store)
    assert.deepEqual(await asOther('./hello.lua', ['x']), says('lua5.4: x\n'))
    assert.deepEqual(await world.run('./hello.lisp'), says('clisp: \n'))
    const storeOf = async (name: string) => JSON.parse((await world.langrun('info', name, '--json')).stdout).store
    assert.deepEqual([await storeOf('lua'), await storeOf('clisp')], ['user', 'system'])
    assert.deepEqual(
      (await world.langrun('list')).stdout.replaceAll(/\d\.\d MB/g, 'N MB'),
      'clisp  1.0  .lisp .lsp .cl .clisp  N MB  system\nlua    1.0  .lua                   N MB  user\n',
    )
    assert.deepEqual(await world.langrun('uninstall', 'lua'), says('uninstalled lua\n'))
    assert.deepEqual(await world.run('./hello.lua'), says('lua5.4: \n'), "the system's is found again")
    assert.deepEqual(
      world.redact(await world.langrun('uninstall', 'clisp')),
      complains(
        'langrun: cannot uninstall clisp\n  because: it is not installed in ~/.local/share/langrun\n  hint: what is installed: langrun list\n',
        127,
      ),
    )
  })

  test('nothing in the system store can be written by anybody but root', () => {
    const { stdout } = spawnSync(
      'find',
      [world.system.store, '(', '-not', '-user', 'root', '-o', '(', '-not', '-type', 'l', '-perm', '/022', ')', ')'],
      {
        encoding: 'utf8',
      },
    )
    assert.equal(stdout, '')
  })

  test("another user's store is never used, however readable it is", async () => {
    for (const folder of ['.', '.local', '.local/share', '.local/share/langrun']) chmodSync(join(other.home, folder), 0o755)
    const theirs = { XDG_DATA_HOME: join(other.home, '.local/share') }
    const options = { environment: theirs }
    assert.deepEqual(
      world.redact(await world.run('./hello.rb', [], options)),
      complains('langrun: cannot run ./hello.rb: ruby is not installed; langrun install ruby\n', 127),
    )
    assert.match((await world.start(['list'], options).outcome).stdout, /^clisp .* system\nlua .* system\n$/)
    const refused = await world.start(['install', 'ruby'], options).outcome
    assert.deepEqual(
      {
        ...refused,
        stderr: refused.stderr.replaceAll(other.home, '~other').replace(String(other.uid), 'OTHER').replace(String(world.user.uid), 'UID'),
      },
      complains(
        [
          'langrun: cannot use the store ~other/.local/share/langrun',
          '  because: it belongs to uid OTHER, not to you (UID) or root',
          '  hint: use a store of your own: set HOME or XDG_DATA_HOME to your own folder (with sudo: sudo -H)',
          '',
        ].join('\n'),
        1,
      ),
    )
  })

  test("root with a user's HOME runs nothing of that user's", async () => {
    assert.equal((await world.langrun('install', 'ruby')).status, 0)
    const theirs = { HOME: world.user.home }
    assert.deepEqual(
      asRoot('./hello.rb', [], theirs),
      complains('langrun: cannot run ./hello.rb: ruby is not installed; langrun install ruby\n', 127),
    )
    assert.match(asRoot(LANGRUN, ['list'], theirs).stdout, /^clisp .* system\nlua .* system\n$/)
    assert.equal(asRoot('./hello.lua', [], theirs).stdout, 'lua5.4: \n', "the system's is root's to run")
  })

  test('a store that others may write to is refused, with the command that mends it', async () => {
    chmodSync(world.store, 0o770)
    assert.deepEqual(
      world.redact(await world.run('./hello.rb')),
      complains(
        'langrun: cannot use the store ~/.local/share/langrun: its group or others may write to it; chmod go-w ~/.local/share/langrun\n',
        125,
      ),
    )
    assert.deepEqual(
      world.redact(await world.langrun('list')),
      complains(
        'langrun: cannot use the store ~/.local/share/langrun\n  because: its group or others may write to it\n  hint: chmod go-w ~/.local/share/langrun\n',
        1,
      ),
    )
    chmodSync(world.store, 0o700)
    assert.deepEqual(await world.run('./hello.rb'), says('ruby: \n'))
  })

  test('a plan that others could have written is not carried out: a fresh one is', async () => {
    const plan = join(world.store, 'plans/ruby.home')
    writeFileSync(plan, readFileSync(plan, 'latin1').replace('exec\0/usr/bin/ruby\0', 'exec\0/usr/bin/true\0'), 'latin1')
    const tried = async () => (await world.run('./hello.rb', ['x'])).stdout
    assert.equal(await tried(), '', "the user's own plan is carried out as it is")
    chmodSync(plan, 0o664)
    assert.equal(await tried(), 'ruby: x\n')
    chmodSync(plan, 0o644)
    chownSync(plan, other.uid, other.uid)
    assert.equal(await tried(), 'ruby: x\n')
    assert.equal((await world.langrun('install', 'ruby')).status, 0)
    assert.deepEqual([statSync(plan).uid, statSync(plan).mode & 0o777], [world.user.uid, 0o644], 'installing mends it')
  })

  test("an image of somebody else's is not entered", async () => {
    const { rootfs } = JSON.parse((await world.langrun('info', 'ruby', '--json')).stdout)
    chownSync(rootfs, other.uid, other.uid)
    const { stdout, stderr, status } = world.redact(await world.run('./hello.rb'))
    assert.deepEqual({ stdout, status }, { stdout: '', status: 125 })
    assert.match(stderr, /^langrun: .*images\/SHA256\/rootfs.*\n$/)
    chownSync(rootfs, world.user.uid, world.user.uid)
    assert.deepEqual(await world.run('./hello.rb'), says('ruby: \n'))
  })

  test('a profile that this langrun does not have is refused in one line: never weaker walls than asked for', async () => {
    assert.deepEqual(
      await world.run('./hello.rb', [], { environment: { LANGRUN_PROFILE: 'sealed' } }),
      complains('langrun: cannot use the profile "sealed": this langrun has home; unset LANGRUN_PROFILE, or leave --profile out\n', 125),
    )
  })

  test('root registers again without harm, and unregisters', async () => {
    const ours = (): string[] => readdirSync(REGISTRY).filter((name) => name.startsWith(world.system.prefix))
    const before = ours()
    assert.deepEqual(JSON.parse(world.system.langrun('register', '--json').stdout).registered.sort(), before.sort())
    assert.deepEqual(ours().sort(), before)
    assert.deepEqual(await world.run('./hello.rb'), says('ruby: \n'))
    assert.deepEqual(world.system.langrun('unregister'), says(`unregistered ${before.length} endings\n`))
    assert.deepEqual(ours(), [])
    assert.deepEqual(world.system.langrun('unregister'), says('unregistered 0 endings\n'))
  })
})

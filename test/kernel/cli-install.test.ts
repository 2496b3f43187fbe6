/** Installing, listing, choosing and removing languages, as an ordinary user, from an archive of the test's own. */

import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { assertConsistent, type CliWorld, complains, give, HELLO, says, startWorld, unlessMissing } from './cli-world.ts'

suite('a user who installs languages', { concurrency: 1, ...unlessMissing() }, () => {
  let world: CliWorld
  before(async () => {
    world = await startWorld()
    assert.equal(world.system.langrun('register').status, 0)
    for (const ending of ['lua', 'lisp', 'sbcl', 'rb']) world.script(`hello.${ending}`, HELLO)
  })
  after(() => world[Symbol.asyncDispose]())
  const debs = (): string[] =>
    world.archive.requests.filter((it) => it.endsWith('.deb')).map((it) => it.replace(/.*\//, '').replace(/_.*/, ''))
  const clean = async (...args: string[]) => world.redact(await world.langrun(...args))

  test('has nothing at first, and is told how to begin', async () => {
    assert.deepEqual(await clean('list'), complains('nothing is installed yet: langrun install NAME; all names: langrun list --all\n', 0))
    assert.deepEqual(await clean('list', '--json'), says('[]\n'))
  })

  test('installs several together, a line a step', async () => {
    assert.deepEqual(await clean('install', 'clisp', 'lua'), {
      stdout: 'installed clisp (N MB) for .lisp .lsp .cl .clisp\ninstalled lua (N MB) for .lua\n',
      stderr: 'package index\ndownload\nconfiguring clisp\nconfiguring lua\n',
      status: 0,
      signal: null,
    })
    assert.deepEqual(debs().sort(), ['clisp', 'dash', 'libshared', 'lua5.4'])
    assertConsistent(world.store)
    assert.deepEqual(await world.run('./hello.lua', ['a b', 'c']), says('lua5.4: a b c\n'))
  })

  test('who installs what is installed is told so, and nothing is fetched', async () => {
    const before = debs().length
    assert.deepEqual(await clean('install', 'clisp'), {
      stdout: 'already installed: clisp (N MB) for .lisp .lsp .cl .clisp\n',
      stderr: 'package index\n',
      status: 0,
      signal: null,
    })
    assert.equal(debs().length, before)
  })

  test('a second language fetches only what is missing, and shares the rest on the disk', async () => {
    world.archive.requests.length = 0
    assert.equal((await world.langrun('install', 'sbcl')).status, 0)
    assert.deepEqual(debs(), ['sbcl'])
    const shared = await Promise.all(['clisp', 'sbcl'].map(async (name) => statSync(join(await rootfs(name), 'usr/share/shared')).ino))
    assert.equal(shared[0], shared[1])
  })

  async function rootfs(name: string): Promise<string> {
    return JSON.parse((await world.langrun('info', name, '--json')).stdout).rootfs
  }

  test('an ending that two can run belongs to its owner until the user says otherwise, and back', async () => {
    assert.deepEqual(await world.run('./hello.lisp'), says('clisp: \n'))
    assert.deepEqual(await world.langrun('default', '.lisp', 'sbcl'), says('.lisp files are run by sbcl\n'))
    assert.deepEqual(await world.run('./hello.lisp'), says('sbcl: \n'))
    assert.deepEqual(await world.langrun('run', './hello.lisp', 'x'), says('sbcl: x\n'))
    assert.deepEqual(await world.langrun('default', 'lisp', 'clisp'), says('.lisp files are run by clisp\n'))
    assert.deepEqual(await world.run('./hello.lisp'), says('clisp: \n'))
  })

  test('an ending cannot be given to a language that cannot run it, or that is not there', async () => {
    assert.deepEqual(
      await clean('default', '.lisp', 'lua'),
      complains('langrun: cannot give .lisp to lua\n  because: the languages for it are clisp, sbcl\n', 2),
    )
    assert.deepEqual(
      await clean('default', '.rb', 'ruby'),
      complains(
        'langrun: cannot give .rb to ruby\n  because: it is not installed in ~/.local/share/langrun\n  hint: langrun install ruby\n',
        127,
      ),
    )
  })

  test('list says what is installed, info all about it', async () => {
    assert.deepEqual(
      await clean('list'),
      says(
        'clisp  1.0  .lisp .lsp .cl .clisp  N MB  user\nlua    1.0  .lua                   N MB  user\nsbcl   1.0  .sbcl                  N MB  user\n',
      ),
    )
    const listed = JSON.parse((await world.langrun('list', '--json')).stdout)
    assert.deepEqual(
      listed.map((it: { name: string }) => Object.keys(it).join()),
      Array(3).fill('name,version,extensions,store,image,size'),
    )
    assert.deepEqual(
      await clean('info', 'sbcl'),
      says(
        [
          'name:        sbcl',
          'title:       Steel Bank Common Lisp',
          'extensions:  sbcl',
          'also:        lisp lsp cl',
          'command:     sbcl --script {script} {args}',
          'homepage:    https://www.sbcl.org',
          'installed:   yes',
          'version:     1.0',
          'store:       user',
          'suite:       trixie',
          'image:       SHA256',
          'rootfs:      ~/.local/share/langrun/images/SHA256/rootfs',
          'packages:    dash=1.0 libshared=1.0 sbcl=1.0',
          'size:        N MB',
          'files:       8',
          '',
        ].join('\n'),
      ),
    )
    const info = JSON.parse((await world.langrun('info', 'sbcl', '--json')).stdout)
    assert.deepEqual(
      {
        ...info,
        image: info.image.length,
        rootfs: world.redact(says(info.rootfs)).stdout,
        size: info.size > 1e5,
        packages: info.packages.length,
      },
      {
        name: 'sbcl',
        title: 'Steel Bank Common Lisp',
        aliases: [],
        extensions: ['sbcl'],
        also: ['lisp', 'lsp', 'cl'],
        command: ['sbcl', '--script', '{script}', '{args}'],
        homepage: 'https://www.sbcl.org',
        note: null,
        installed: true,
        version: '1.0',
        store: 'user',
        suite: 'trixie',
        image: 64,
        rootfs: '~/.local/share/langrun/images/SHA256/rootfs',
        packages: 3,
        size: true,
        files: 8,
      },
    )
  })

  test('status says who runs what', async () => {
    const { kernel, binfmt, shell, registered, extensions } = JSON.parse((await world.langrun('status', '--json')).stdout)
    assert.match(kernel, /^\d+\.\d+/)
    assert.deepEqual({ binfmt, shell, registered }, { binfmt: 'mounted', shell: false, registered: true })
    const without = extensions.map(({ other, winner, ...rest }: { other: string | null; winner: string }) => rest)
    for (const [extension, language] of Object.entries({ lisp: 'clisp', sbcl: 'sbcl', rb: null })) {
      assert.deepEqual(
        without.find((it: { extension: string }) => it.extension === extension),
        { extension, language, registered: true },
      )
    }
    const { stdout, stderr, status } = await world.langrun('status')
    assert.match(stdout, /^\d+ endings are registered\n/)
    assert.match(stdout, /^\.lua +lua +registered/m)
    assert.match(stdout, /^\.rb +\(not installed\) +registered/m)
    assert.deepEqual({ stderr, status }, { stderr: '', status: 0 })
  })

  test('machines read progress, answers and errors as JSON', async () => {
    const { stdout, stderr, status } = await world.langrun('install', 'ruby', '--json')
    assert.deepEqual(
      JSON.parse(stdout).map((it: { image: string; size: number }) => ({ ...it, image: it.image.length, size: it.size > 1e5 })),
      [{ name: 'ruby', image: 64, size: true, changed: true }],
    )
    const events = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      events.map(({ event, step }) => `${event} ${step}`),
      ['begin package index', 'end package index', 'begin download', 'end download', 'begin configuring ruby', 'end configuring ruby'],
    )
    assert.equal(status, 0)
    const failed = await world.langrun('install', 'pyton', '--json')
    assert.deepEqual(
      { ...failed, stderr: JSON.parse(failed.stderr) },
      {
        stdout: '',
        stderr: {
          error: {
            code: 'not-found',
            message: 'cannot find a language named "pyton"',
            hint: 'did you mean python? All names: langrun list --all',
          },
        },
        status: 127,
        signal: null,
      },
    )
  })

  test('a name that nobody knows gets the nearest ones', async () => {
    assert.deepEqual(
      await clean('install', 'clips'),
      complains('langrun: cannot find a language named "clips"\n  hint: did you mean class, clisp? All names: langrun list --all\n', 127),
    )
    assert.deepEqual(
      await clean('info', 'qqqqqqqq'),
      complains('langrun: cannot find a language named "qqqqqqqq"\n  hint: all names: langrun list --all\n', 127),
    )
  })

  test('a file of no known language is not run', async () => {
    world.script('a.unknown', HELLO)
    assert.deepEqual(
      await clean('run', 'a.unknown'),
      complains(
        [
          'langrun: cannot tell the language of a.unknown',
          '  because: no language has the ending .unknown',
          '  hint: langrun run --language NAME a.unknown; all names: langrun list --all',
          '',
        ].join('\n'),
        127,
      ),
    )
    assert.deepEqual(
      await clean('run', 'nothing.lua'),
      complains('langrun: cannot run nothing.lua\n  because: there is no such file\n', 127),
    )
    assert.deepEqual(await world.langrun('run', '--language', 'lua', './a.unknown', 'y'), says('lua5.4: y\n'))
  })

  test('who uninstalls one language keeps what others share, and may do it once', async () => {
    assert.deepEqual(await world.langrun('uninstall', 'clisp'), says('uninstalled clisp\n'))
    assertConsistent(world.store)
    assert.deepEqual(await world.run('./hello.lisp'), says('sbcl: \n'), 'the other language for the ending has it now')
    assert.deepEqual(
      await clean('uninstall', 'clisp'),
      complains(
        'langrun: cannot uninstall clisp\n  because: it is not installed in ~/.local/share/langrun\n  hint: what is installed: langrun list\n',
        127,
      ),
    )
    const { packages } = JSON.parse((await world.langrun('uninstall', 'sbcl', '--json')).stdout)
    assert.equal(packages.length, 2, 'sbcl and libshared')
    assertConsistent(world.store)
  })

  test('a script that runs keeps its image until it ends', async () => {
    const image = await rootfs('lua')
    const path = world.script('wait.lua', 'echo started\nread line\ncat /usr/bin/lua5.4 >/dev/null && echo "still here: $line"\n')
    const running = world.user.start('sh', ['-c', `(sleep 1.5; echo input) | ${path}`], { environment: world.system.environment })
    await new Promise((resolve) => running.child.stdout?.once('data', resolve))
    assert.deepEqual(await world.langrun('uninstall', 'lua'), says('uninstalled lua\n'))
    assert.ok(existsSync(image))
    assert.deepEqual(
      await world.redact(await world.run('./hello.lua')),
      complains('langrun: cannot run ./hello.lua: lua is not installed; langrun install lua\n', 127),
    )
    assert.deepEqual(await running.outcome, says('started\nstill here: input\n'))
    assert.equal((await world.langrun('uninstall', 'ruby')).status, 0)
    assert.ok(!existsSync(image), 'the next command collects it')
    for (const folder of ['images', 'packages', 'plans', 'languages', 'shims', 'tmp']) {
      assert.deepEqual(readdirSync(join(world.store, folder)), [], folder)
    }
  })

  test('a recipe of the user takes the place of the built-in one, and a new one adds a language', async () => {
    world.configure(world.user, {
      '.config/langrun/runners/lua.toml':
        'title = "My Lua"\nextensions = ["lua"]\nimage = "mine"\ncommand = ["perl", "{script}", "mine", "{args}"]\n',
      '.config/langrun/runners/greet.toml': 'extensions = ["greet"]\nimage = "mine"\ncommand = ["perl", "{script}", "{args}"]\n',
      '.config/langrun/images/mine.toml': 'packages = ["perl"]\n',
    })
    assert.equal((await world.langrun('install', 'lua', 'greet')).status, 0)
    assert.deepEqual(await world.run('./hello.lua', ['x']), says('perl: mine x\n'))
    const script = world.script('hello.greet', HELLO)
    assert.deepEqual(await world.langrun('run', script, 'x'), says('perl: x\n'))
    assert.deepEqual(await world.langrun('shell', '--', script, 'x'), says('perl: x\n'))
    rmSync(join(world.user.home, '.config/langrun/runners'), { recursive: true })
    assert.deepEqual(await world.langrun('run', script, 'x'), says('perl: x\n'), 'installed languages outlive their recipes')
    assert.deepEqual(await world.langrun('uninstall', 'greet'), says('uninstalled greet\n'))
  })

  test('mistakes in a configuration are named with file and field', async () => {
    const at = (name: string): string => join(world.user.home, '.config/langrun', name)
    const complaints: Record<string, [file: string, text: string, complaint: string, status: number]> = {
      'an unknown setting': [
        'config.toml',
        'mirorr = "x"',
        'langrun: cannot use ~/.config/langrun/config.toml\n  because: mirorr: there is no such setting\n',
        2,
      ],
      'a wrong type': [
        'config.toml',
        'keys = "x"',
        'langrun: cannot use ~/.config/langrun/config.toml\n  because: keys: it must be a list of strings\n',
        2,
      ],
      'a missing key': [
        'config.toml',
        'keys = ["/no/such/key.asc"]',
        "langrun: cannot read the key /no/such/key.asc\n  because: ENOENT: no such file or directory, open '/no/such/key.asc'\n  hint: it is named in ~/.config/langrun/config.toml\n",
        2,
      ],
      'an ending that is taken': [
        'runners/mine.toml',
        'extensions = ["rb"]\nimage = "ruby"\ncommand = ["x", "{script}"]',
        'langrun: cannot use the recipe ~/.config/langrun/runners/mine.toml\n  because: extensions: ruby has .rb already; write it under "also" in one of them\n',
        2,
      ],
    }
    for (const [what, [file, text, complaint, status]] of Object.entries(complaints)) {
      world.configure(world.user)
      mkdirSync(at('runners'), { recursive: true })
      writeFileSync(at(file), text)
      assert.deepEqual(await clean('list'), complains(complaint, status), what)
      rmSync(at('runners'), { recursive: true })
    }
    world.configure(world.user)
    chmodSync(at('.'), 0o777)
    assert.deepEqual(
      await clean('list'),
      complains(
        'langrun: cannot use the configuration in ~/.config/langrun\n  because: its group or others may write to it\n  hint: chmod go-w ~/.config/langrun\n',
        1,
      ),
    )
    chmodSync(at('.'), 0o755)
    give(at('.'), world.user.uid)
  })
})

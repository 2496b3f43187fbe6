/**
 * Compiled languages as scripts, with a made-up compiler: its programs are shell scripts that say when they were compiled, and it takes
 * `include NAME` lines for the text of a file beside the script.
 */

import assert from 'node:assert/strict'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type CliWorld, PACKAGES, startWorld, unlessMissing } from './cli-world.ts'

const COMPILER = `#!/bin/sh
read -r compiled </proc/sys/kernel/random/uuid
[ -z "$COMPILER_SAYS" ] || echo "$COMPILER_SAYS"
folder=\${1%/*} inputs=
{
  printf '#!/bin/sh\\necho "%s $0 $*"\\n' "$compiled"
  number=0
  while read -r line; do
    number=$((number + 1))
    case $line in
      include\\ *) cat "$folder/\${line#include }" && inputs="$inputs $folder/\${line#include }" ;;
      error\\ *) echo "$1:$number: \${line#error }" >&2 && exit 3 ;;
      touch\\ *) touch "\${line#touch }" || exit 4 ;;
      network) cat /proc/net/dev >&2 ;;
      *) echo "$line" ;;
    esac
  done
} <"$1" >"$OUTPUT/program" || exit $?
echo "program: $1$inputs" >"$OUTPUT/inputs.d"
chmod +x "$OUTPUT/program"
`

const RECIPE = 'extensions = ["demo"]\nimage = "demo"\ncompile = \'democc "$SCRIPT"\'\ncommand = ["{output}/program", "{args}"]\n'

const PROGRAM = 'echo hello\nexit 7\n'

suite('a compiled language', unlessMissing(), () => {
  let world: CliWorld
  before(async () => {
    const files = { 'usr/bin/democc': { text: COMPILER, mode: 0o755 }, 'usr/bin/chmod': { link: 'dash' } }
    world = await startWorld([...PACKAGES, { name: 'democc', files }])
    const recipes = { '.config/langrun/runners/demo.toml': RECIPE, '.config/langrun/images/demo.toml': 'packages = ["democc"]\n' }
    world.configure(world.user, recipes)
    world.configure(world.system, recipes)
    const { stdout, status } = world.redact(await world.langrun('install', 'demo'))
    assert.deepEqual({ stdout, status }, { stdout: 'installed demo (N MB) for .demo\n', status: 0 })
    assert.equal((await world.system.langrun('register')).status, 0)
  })
  after(() => world[Symbol.asyncDispose]())

  /** Runs a script; what it was compiled as, and the rest of what it said. */
  const run = async (script: string, ...args: string[]): Promise<{ id: string; said: string }> => {
    const { stdout, stderr, status } = await world.run(script, args)
    assert.deepEqual({ stderr, status }, { stderr: '', status: 7 })
    const [, id = '', said = ''] = /^(\S{36}) (.*)$/s.exec(stdout) ?? []
    return { id, said }
  }

  test('compiles once, and runs from then on as its script is called', async () => {
    const script = world.script('a/x.demo', PROGRAM)
    const first = await run(script, 'a b')
    assert.equal(first.said, `${join(world.cache, 'compiled')}/${readdirSync(join(world.cache, 'compiled'))[0]}/program a b\nhello\n`)
    assert.equal((await run(script, 'a b')).id, first.id)
  })

  test('compiles what was changed, and again what was changed beside it', async () => {
    const script = world.script('b/x.demo', `include part\n${PROGRAM}`)
    world.script('b/part', 'echo one\n')
    const one = await run(script)
    assert.match(one.said, /\none\nhello\n$/)
    assert.equal((await run(script)).id, one.id)
    world.script('b/part', 'echo two\n')
    const two = await run(script)
    assert.match(two.said, /\ntwo\nhello\n$/)
    world.script('b/x.demo', `include part\necho more\n${PROGRAM}`)
    assert.match((await run(script)).said, /\ntwo\nmore\nhello\n$/)
  })

  test('gives the compiler’s own words and exit code for an error, with the script as it was called, a line for the kernel counted', async () => {
    world.script('c/x.demo', `#!/nowhere/democc\necho hi\nerror something is missing\n`)
    for (const time of ['first', 'second']) {
      const outcome = await world.run('./x.demo', [], { cwd: join(world.user.home, 'c') })
      assert.deepEqual(outcome, { stdout: '', stderr: './x.demo:3: something is missing\n', status: 3, signal: null }, time)
    }
    assert.deepEqual(await world.langrun('run', 'c/x.demo'), {
      stdout: '',
      stderr: 'c/x.demo:3: something is missing\n',
      status: 3,
      signal: null,
    })
  })

  test('compiles without a network, and may write nothing of the host', async () => {
    const network = await world.run(world.script('d/net.demo', `network\n${PROGRAM}`), [])
    assert.deepEqual(
      network.stderr.match(/^\s*\w+:/gm)?.map((name) => name.trim()),
      ['lo:'],
    )
    const { stderr, status } = await world.run(world.script('d/write.demo', `touch ${world.user.home}/d/new\n${PROGRAM}`), [])
    assert.deepEqual({ status, isRefused: /Read-only file system/.test(stderr) }, { status: 4, isRefused: true })
    assert.deepEqual(readdirSync(join(world.user.home, 'd')).sort(), ['net.demo', 'write.demo'])
  })

  test('compiles once for a hundred first runs, and all run', async () => {
    const script = world.script('e/x.demo', `# e\n${PROGRAM}`)
    const all = await Promise.all(Array.from({ length: 100 }, () => run(script)))
    assert.equal(new Set(all.map(({ id }) => id)).size, 1)
  })

  test('compiles anew what was damaged or removed in the cache', async () => {
    const script = world.script('f/x.demo', `# f\n${PROGRAM}`)
    const before = await run(script)
    for (const name of readdirSync(join(world.cache, 'scripts'))) writeFileSync(join(world.cache, 'scripts', name), 'plan\0')
    const after = await run(script)
    assert.match(after.said, /hello\n$/)
    assert.match(before.id, /^[0-9a-f-]{36}$/)
    assert.equal((await world.langrun('cache', '--clear')).status, 0)
    assert.deepEqual(readdirSync(world.cache), [])
    assert.notEqual((await run(script)).id, after.id)
  })

  test('keeps no more than the configuration allows, and lets the least recently used go', async () => {
    await world.langrun('cache', '--clear')
    const [old, young] = [world.script('g/old.demo', `# old\n${PROGRAM}`), world.script('g/young.demo', `# young\n${PROGRAM}`)]
    await run(old)
    world.configure(world.user, { '.config/langrun/config.toml': `${settings(world)}cache-size = 0\n` })
    await run(young)
    const kept = JSON.parse((await world.langrun('cache', '--json')).stdout)
    assert.deepEqual({ count: kept.scripts.length, limit: kept.limit }, { count: 1, limit: 0 })
    world.configure(world.user)
  })

  test('works by langrun run, in langrun shell, and from any folder', async () => {
    const script = world.script('h/x.demo', `# h\n${PROGRAM}`)
    const { stdout, status } = await world.langrun('run', script, 'x')
    assert.equal(status, 7)
    const id = stdout.slice(0, 36)
    assert.equal((await world.langrun('shell', '--', script, 'x')).stdout.slice(0, 36), id)
    assert.equal((await world.run(script, ['x'], { cwd: '/' })).stdout.slice(0, 36), id)
    assert.equal((await world.run(script, ['x'], { cwd: '/usr/share' })).stdout.slice(0, 36), id)
    rmSync(script)
  })
})

function settings({ archive, user }: CliWorld): string {
  return `mirror = "${archive.url}"\nsecurity-mirror = "${archive.url}"\nkeys = ["${join(user.home, 'archive.asc')}"]\n`
}

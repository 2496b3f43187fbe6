/** A whole language of a foreign architecture: installed by an ordinary user, without root and without a registration on the host. */

import assert from 'node:assert/strict'
import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { addUser, isRoot, LANGRUN, needs, type Outcome, type User } from '../machine.ts'

const skip = process.arch === 'x64' ? false : 'this machine is of that architecture itself'

suite('a language of a foreign architecture', { concurrency: 1, skip }, () => {
  let user: User
  const environment = { LANGRUN_SYSTEM_STORE: '/nonexistent' }
  const langrun = (...args: string[]): Outcome => user.run(LANGRUN, args, { environment })
  const script = (name: string, text: string): void => {
    const path = join(user.home, name)
    writeFileSync(path, text)
    chmodSync(path, 0o755)
    chownSync(path, user.uid, user.uid)
  }
  const says = (stdout: string, status = 0): Outcome => ({ stdout, stderr: '', status, signal: null })
  const UNAME = 'local f = io.popen("uname -m"); io.write(f:read("a")); print(...); os.exit(3)\n'

  before(() => {
    if (!isRoot) return
    user = addUser()
    script('uname.lua', UNAME)
    const { status, stdout, stderr } = langrun('install', '--arch', 'arm64', 'lua')
    assert.equal(status, 0, stderr)
    assert.match(stdout, /^installed lua-arm64 \(\d+ MB\): langrun run --language lua-arm64 FILE\n$/)
  })

  after(() => {
    if (isRoot) user.remove()
  })

  test('runs by its name, and what it starts is emulated too', (t) => {
    if (!needs(t, isRoot, 'root, to make an ordinary user')) return
    assert.deepEqual(langrun('run', '--language', 'lua-arm64', './uname.lua', 'a b', ''), says('aarch64\na b\t\n', 3))
  })

  test('keeps the user, the folder and the input', (t) => {
    if (!needs(t, isRoot, 'root, to make an ordinary user')) return
    script('where.sh', 'whoami; pwd; cat; id -u; touch made; stat -c %U made\n')
    const { stdout } = user.run(LANGRUN, ['exec', 'lua-arm64', '--', 'sh', './where.sh'], { environment, input: 'typed\n' })
    assert.equal(stdout, `${user.name}\n${user.home}\ntyped\n${user.uid}\n${user.name}\n`)
  })

  test('runs by dot-slash while nobody else has its ending', (t) => {
    if (!needs(t, isRoot, 'root, to make an ordinary user')) return
    assert.deepEqual(langrun('shell', '--', './uname.lua'), says('aarch64\n\n', 3))
  })

  test('leaves its ending to the native language, unless the user chooses', (t) => {
    if (!needs(t, isRoot, 'root, to make an ordinary user')) return
    assert.equal(langrun('install', 'lua').status, 0)
    assert.deepEqual(langrun('shell', '--', './uname.lua'), says('x86_64\n\n', 3))
    assert.deepEqual(langrun('default', '.lua', 'lua-arm64'), says('.lua files are run by lua-arm64\n'))
    assert.deepEqual(langrun('shell', '--', './uname.lua'), says('aarch64\n\n', 3))
    assert.deepEqual(langrun('default', '.lua', 'lua'), says('.lua files are run by lua\n'))
    assert.deepEqual(langrun('shell', '--', './uname.lua'), says('x86_64\n\n', 3))
  })

  test('keeps its architecture: that is removed after the language', (t) => {
    if (!needs(t, isRoot, 'root, to make an ordinary user')) return
    assert.equal(
      langrun('arch', 'remove', 'arm64').stderr,
      ['langrun: cannot remove arm64', '  because: lua-arm64 needs it', '  hint: langrun uninstall lua-arm64', ''].join('\n'),
    )
    assert.deepEqual(langrun('uninstall', 'lua-arm64'), says('uninstalled lua-arm64\n'))
    assert.deepEqual(langrun('arch', 'remove', 'arm64'), says('removed arm64\n'))
  })
})

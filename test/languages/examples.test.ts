/**
 * Every language's own examples, as an ordinary user, by dot-slash through the kernel's registry, from the real archive.
 *
 * LANGRUN_TEST_LANGUAGES=a,b chooses; with LANGRUN_TEST_SAMPLE=1 (CI) a rotating sample runs of a catalogue that is too large for all.
 */

import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type Example, type Language, parseLanguage } from '../../src/catalogue/recipe.ts'
import { addSystem, addUser, isRoot, LANGRUN, needs, ROOT, type System, type User } from '../machine.ts'

const SAMPLE = 16

const all = readdirSync(join(ROOT, 'runners'))
  .filter((name) => name.endsWith('.toml'))
  .sort()
  .map((name) => parseLanguage(basename(name, '.toml'), readFileSync(join(ROOT, 'runners', name), 'utf8'), name))

suite('languages', { concurrency: 1 }, () => {
  const languages = choose()
  let user: User
  let system: System

  before(() => {
    if (!isRoot) return
    user = addUser()
    system = addSystem()
    const installed = user.run(LANGRUN, ['install', ...languages.map(({ name }) => name)])
    assert.equal(installed.status, 0, installed.stderr)
    const registered = system.langrun('register')
    assert.equal(registered.status, 0, registered.stderr)
  })

  after(() => {
    if (!isRoot) return
    system.remove()
    user.remove()
  })

  for (const language of languages) {
    test(`${language.name} has examples`, () => assert.ok(language.examples.length > 0))
    for (const example of language.examples) {
      test(`${language.name}: ${example.name}`, (t) => {
        if (!needs(t, isRoot, 'root, to make an ordinary user and to register')) return
        const script = place(user, language, example)
        const { stdout, stderr, status, signal } = user.run(`./${basename(script)}`, example.args, {
          cwd: join(script, '..'),
          input: example.stdin,
        })
        assert.deepEqual({ stdout, stderr, status, signal }, { stdout: example.stdout, stderr: '', status: example.status, signal: null })
      })
    }
  }

  test('a language is described, and its root file system is where info says', (t) => {
    if (!needs(t, isRoot, 'root, to make an ordinary user')) return
    for (const { name, extensions } of languages) {
      const info = JSON.parse(user.run(LANGRUN, ['info', name, '--json']).stdout)
      assert.deepEqual({ name: info.name, extensions: info.extensions }, { name, extensions })
      assert.match(info.image, /^[0-9a-f]{64}$/)
      assert.ok(info.size > 1e6 && info.packages.length > 10)
      assert.ok(statSync(join(info.rootfs, 'usr/bin')).isDirectory())
    }
  })

  test('an image has no documentation, manuals or translations', (t) => {
    if (!needs(t, isRoot, 'root, to make an ordinary user')) return
    for (const { name } of languages) {
      const { rootfs } = JSON.parse(user.run(LANGRUN, ['info', name, '--json']).stdout)
      const share = readdirSync(join(rootfs, 'usr/share'))
      assert.deepEqual(
        share.filter((it) => ['doc', 'man', 'info'].includes(it)),
        [],
      )
      assert.deepEqual(readdirSync(join(rootfs, 'usr/share/locale')), [])
    }
  })
})

function place(user: User, language: Language, example: Example): string {
  const folder = join(user.home, 'examples', language.name)
  mkdirSync(folder, { recursive: true })
  chownSync(folder, user.uid, user.uid)
  const script = join(folder, example.file)
  writeFileSync(script, example.script)
  chmodSync(script, 0o755)
  chownSync(script, user.uid, user.uid)
  return script
}

/** The whole catalogue, those that LANGRUN_TEST_LANGUAGES names, or a sample that begins elsewhere each day. */
function choose(): Language[] {
  const named = process.env['LANGRUN_TEST_LANGUAGES']
  if (named !== undefined) return all.filter(({ name }) => named.split(',').includes(name))
  if (process.env['LANGRUN_TEST_SAMPLE'] !== '1' || all.length <= SAMPLE) return all
  const day = Math.floor(Date.now() / 86_400_000)
  return Array.from({ length: SAMPLE }, (_, index) => all[(day * SAMPLE + index) % all.length]!)
}

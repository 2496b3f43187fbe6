import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { parseStanzas } from '../../src/debian/deb822.ts'
import { chooseMirrors, DEFAULT_MIRRORS } from '../../src/debian/mirror.ts'
import { expandSuite } from '../../src/debian/source.ts'

function withHost(files: Record<string, string>, look: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), 'langrun-mirror-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  look(root)
  rmSync(root, { recursive: true })
}

test('a host without apt gets the main servers', () => {
  withHost({}, (root) => assert.deepEqual(chooseMirrors(root), DEFAULT_MIRRORS))
})

test("the host's own mirrors are used, other makers' are not", () => {
  const files = {
    'etc/apt/sources.list':
      '# deb http://commented.example/debian trixie main\ndeb-src http://source.example/debian trixie main\ndeb https://other.example/ubuntu noble main\n',
    'etc/apt/sources.list.d/a.list': 'deb [arch=amd64 signed-by=/k.gpg] http://near.example/debian/ trixie main\n',
    'etc/apt/sources.list.d/b.sources': `Types: deb
URIs: https://product.example/repository
Suites: stable

Enabled: no
Types: deb
URIs: http://off.example/debian-security

Types: deb deb-src
URIs: http://near.example/debian-security
Suites: trixie-security
`,
    'etc/apt/sources.list.d/c.list.save': 'deb http://old.example/debian trixie main\n',
  }
  withHost(files, (root) => {
    assert.deepEqual(chooseMirrors(root), { debian: 'http://near.example/debian', security: 'http://near.example/debian-security' })
    assert.deepEqual(chooseMirrors(root, { debian: 'http://mine.example/debian/' }), {
      debian: 'http://mine.example/debian',
      security: 'http://near.example/debian-security',
    })
  })
})

test('a suite stands for its updates and its security updates too', () => {
  const mirrors = { debian: 'http://d', security: 'http://s' }
  const short = (suite: string) =>
    expandSuite(suite, mirrors, []).map((source) => `${source.mirror} ${source.suite}${source.optional ? ' ?' : ''}`)
  assert.deepEqual(short('trixie'), ['http://d trixie', 'http://d trixie-updates ?', 'http://s trixie-security ?'])
  assert.deepEqual(short('sid'), ['http://d sid'])
  assert.deepEqual(short('trixie-backports'), ['http://d trixie-backports'])
})

test('stanzas are parsed with comments, continuations and any case', () => {
  const text = 'A: 1\n# no\nLong:\n one\n two\n\n\nB:2\r\nnothing\n'
  assert.deepEqual(
    parseStanzas(text).map((stanza) => Object.fromEntries(stanza)),
    [{ a: '1', long: '\n one\n two' }, { b: '2' }],
  )
})

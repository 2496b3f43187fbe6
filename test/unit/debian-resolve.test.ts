import assert from 'node:assert/strict'
import { test } from 'node:test'
import { render } from '../../src/base/error.ts'
import type { Archive } from '../../src/debian/archive.ts'
import { type Package, parsePackage } from '../../src/debian/package.ts'
import { resolve } from '../../src/debian/resolve.ts'
import type { Source } from '../../src/debian/source.ts'
import { compareVersions } from '../../src/debian/version.ts'
import { makePackage, type TestPackage } from '../deb.ts'

const TRIXIE: Source = { mirror: 'http://mirror', suite: 'trixie', components: ['main'], keys: [] }
const SID: Source = { ...TRIXIE, suite: 'sid', fallback: true }

/** What `openArchive` gives, of packages at hand. */
function archiveOf(trixie: readonly TestPackage[], sid: readonly TestPackage[] = []): Archive {
  const parse = (source: Source) => (each: TestPackage) => parsePackage(makePackage(each).stanza, source)
  const all = [...trixie.map(parse(TRIXIE)), ...sid.map(parse(SID))]
  const fallback = ({ source }: Package) => Number(source.fallback ?? false)
  return {
    architecture: 'amd64',
    releases: [],
    find: (name) =>
      all.filter((each) => each.name === name).sort((a, b) => fallback(a) - fallback(b) || compareVersions(b.version, a.version)),
    providers: (name) => all.filter((each) => each.provides.some((provided) => provided.name === name)),
    async [Symbol.asyncDispose]() {},
  }
}

function names(packages: readonly Package[]): string[] {
  return packages.map(({ name, version }) => (version === '1.0' ? name : `${name}=${version}`))
}

const CASES: Record<string, { packages: TestPackage[]; sid?: TestPackage[]; want: string[]; without?: string[]; get: string[] }> = {
  'dependencies come before what needs them': {
    packages: [{ name: 'a', depends: 'b, c' }, { name: 'b', preDepends: 'd' }, { name: 'c', depends: 'd' }, { name: 'd' }, { name: 'e' }],
    want: ['a'],
    get: ['d', 'b', 'c', 'a'],
  },
  'a circle is broken at Depends, not at Pre-Depends': {
    packages: [{ name: 'a', preDepends: 'b' }, { name: 'b', depends: 'a' }],
    want: ['a'],
    get: ['b', 'a'],
  },
  'the first alternative is taken': { packages: [{ name: 'a', depends: 'b | c' }, { name: 'b' }, { name: 'c' }], want: ['a'], get: ['b', 'a'] },
  'an alternative that cannot be had is passed over': { packages: [{ name: 'a', depends: 'b (>= 2) | c' }, { name: 'b' }, { name: 'c' }], want: ['a'], get: ['c', 'a'] },
  'an alternative that is there already is preferred': {
    packages: [{ name: 'a', depends: 'b | c, d' }, { name: 'b' }, { name: 'c' }, { name: 'd', depends: 'c' }],
    want: ['a'],
    get: ['c', 'd', 'a'],
  },
  'a real package goes before its providers': {
    packages: [{ name: 'a', depends: 'b' }, { name: 'c', provides: 'b' }, { name: 'b' }],
    want: ['a'],
    get: ['b', 'a'],
  },
  'a provider does where there is no real package, the more important first': {
    packages: [{ name: 'a', depends: 'awk' }, { name: 'gawk', provides: 'awk' }, { name: 'mawk', provides: 'awk', fields: { Priority: 'required' } }],
    want: ['a'],
    get: ['mawk', 'a'],
  },
  'a provider without a version does not satisfy one': {
    packages: [{ name: 'a', depends: 'b (>= 2)' }, { name: 'c', provides: 'b' }, { name: 'd', provides: 'b (= 1)' }, { name: 'e', provides: 'b (= 2)' }],
    want: ['a'],
    get: ['e', 'a'],
  },
  'qualifiers of architecture are understood': { packages: [{ name: 'a', depends: 'b:any, c:amd64, d:i386 | e:native' }, { name: 'b' }, { name: 'c' }, { name: 'd' }, { name: 'e' }], want: ['a'], get: ['b', 'c', 'e', 'a'] },
  'what is left out is left out with what it needs': {
    packages: [{ name: 'a', depends: 'debconf (>= 0.5) | debconf-2.0, systemd-dev, b' }, { name: 'b' }, { name: 'debconf', depends: 'c' }, { name: 'systemd-dev' }, { name: 'c' }],
    want: ['a'],
    without: ['debconf', 'systemd*'],
    get: ['b', 'a'],
  },
  'the newest version is taken': { packages: [{ name: 'a' }, { name: 'a', version: '2' }, { name: 'a', version: '1.5' }], want: ['a'], get: ['a=2'] },
  'a version can be asked for': { packages: [{ name: 'a' }, { name: 'a', version: '2' }, { name: 'b', depends: 'a' }], want: ['b', 'a=1.0'], get: ['a', 'b'] },
  'a suite can be asked for; what its package needs comes from the others if it can': {
    packages: [{ name: 'a' }, { name: 'lib' }],
    sid: [{ name: 'a', version: '2', depends: 'lib, new' }, { name: 'lib', version: '2' }, { name: 'new', version: '2' }],
    want: ['a/sid'],
    get: ['lib', 'new=2', 'a=2'],
  },
  'a package that turns out to be too old is chosen anew': {
    packages: [{ name: 'lib' }],
    sid: [{ name: 'a', version: '2', depends: 'lib (>= 2)' }, { name: 'lib', version: '2' }],
    want: ['lib', 'a'],
    get: ['lib=2', 'a=2'],
  },
} // biome-ignore format: a table

for (const [name, { packages, sid, want, without = [], get }] of Object.entries(CASES)) {
  test(name, () => assert.deepEqual(names(resolve(archiveOf(packages, sid), want, { without: new Set(without) })), get))
}

test('what cannot be satisfied says who wants what', () => {
  const archive = archiveOf([{ name: 'a', depends: 'b' }, { name: 'b', depends: 'c (>= 2) | d:any' }, { name: 'c' }])
  assert.throws(
    () => resolve(archive, ['a']),
    (error) => {
      assert.equal(render(error), 'langrun: cannot satisfy b 1.0: it depends on c (>= 2) | d:any\n  because: there is only c 1.0')
      return true
    },
  )
})

test('a version that was asked for is not changed', () => {
  const archive = archiveOf([{ name: 'a', depends: 'b (>= 2)' }, { name: 'b' }, { name: 'b', version: '2' }])
  assert.throws(() => resolve(archive, ['b=1.0', 'a']), /cannot satisfy a 1.0: it depends on b \(>= 2\)/)
})

const UNKNOWN = [
  ['nothing', 'no package of that name in  for amd64'],
  ['a=3', 'there is 1.0 in trixie'],
  ['a/sid', 'there is 1.0 in trixie'],
  ['awk', 'it is provided by a: name one of them'],
] as const

for (const [wish, cause] of UNKNOWN) {
  test(`the wish "${wish}" cannot be found`, () => {
    const archive = archiveOf([{ name: 'a', provides: 'awk' }])
    assert.throws(
      () => resolve(archive, [wish]),
      (error) => {
        assert.equal(render(error), `langrun: cannot find the Debian package "${wish}"\n  because: ${cause}`)
        return true
      },
    )
  })
}

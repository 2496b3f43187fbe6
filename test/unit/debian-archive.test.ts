import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { render } from '../../src/base/error.ts'
import { openHttp } from '../../src/base/http.ts'
import { silent } from '../../src/base/progress.ts'
import { type ArchiveOptions, openArchive } from '../../src/debian/archive.ts'
import { expandSuite } from '../../src/debian/source.ts'
import { makeKey, startArchive, type TestArchive } from '../archive.ts'

const root = mkdtempSync(join(tmpdir(), 'langrun-archive-'))
const http = openHttp({ env: {}, retryMs: [1, 1] })
after(() => {
  http.close()
  rmSync(root, { recursive: true })
})

const HELLO = {
  name: 'hello',
  version: '1:2.0-1',
  depends: 'libc6 (>= 2.41), a | b',
  provides: 'greeter, speaker (= 3)',
  fields: { Homepage: 'https://example.org', Section: 'devel' },
}
const DAY = 24 * 60 * 60 * 1000

function freshCache(): string {
  return mkdtempSync(join(root, 'cache-'))
}

function open(archive: TestArchive, cache: string, more: Partial<ArchiveOptions> = {}) {
  return openArchive({ sources: [archive.source], architecture: 'amd64', cache, http, progress: silent, ...more })
}

/** What a person would read, without what differs from run to run. */
async function complaint(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail('it was accepted'),
    (thrown: unknown) => thrown,
  )
  return render(error)
    .replaceAll(/127\.0\.0\.1:\d+/g, 'MIRROR')
    .replaceAll(/[0-9a-f]{64}/g, 'HEX')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/key ID [0-9a-f]+/gi, 'key ID')
}

test('a package is found with all that its index says', async () => {
  await using mirror = await startArchive({ packages: [{ name: 'other' }, HELLO] })
  await using archive = await open(mirror, freshCache())
  const [hello, ...more] = archive.find('hello')
  assert.deepEqual(more, [])
  const { source, sha256, size, ...rest } = hello!
  assert.equal(source, mirror.source)
  assert.equal(size, mirror.files.get('/pool/main/h/hello/hello_2.0-1_amd64.deb')?.length)
  assert.match(sha256, /^[0-9a-f]{64}$/)
  assert.deepEqual(rest, {
    name: 'hello',
    version: '1:2.0-1',
    architecture: 'amd64',
    origin: 'hello',
    url: `${mirror.url}/pool/main/h/hello/hello_2.0-1_amd64.deb`,
    filename: 'pool/main/h/hello/hello_2.0-1_amd64.deb',
    installedSize: 1024,
    description: 'the package hello',
    homepage: 'https://example.org',
    section: 'devel',
    priority: 'optional',
    essential: false,
    preDepends: [],
    depends: [[{ name: 'libc6', operator: '>=', version: '2.41' }], [{ name: 'a' }, { name: 'b' }]],
    provides: [{ name: 'greeter' }, { name: 'speaker', version: '3' }],
  })
  assert.deepEqual(archive.find('nothing'), [])
  assert.deepEqual(
    archive.providers('speaker').map(({ name }) => name),
    ['hello'],
  )
})

test('of several suites the newest version comes first, and a fallback last', async () => {
  const suites = { 'trixie-security': { packages: [{ name: 'a', version: '1.2' }] }, sid: { packages: [{ name: 'a', version: '9' }] } }
  await using mirror = await startArchive({ packages: [{ name: 'a', version: '1.1' }], suites })
  const sources = [
    ...expandSuite('trixie', { debian: mirror.url, security: mirror.url }, [mirror.key]),
    { ...mirror.source, suite: 'sid', fallback: true },
  ]
  await using archive = await open(mirror, freshCache(), { sources })
  assert.deepEqual(
    archive.find('a').map(({ version }) => version),
    ['1.2', '1.1', '9'],
  )
  assert.deepEqual(
    archive.releases.map(({ codename }) => codename),
    ['trixie', 'trixie-security', 'sid'],
  )
})

test('what has not changed is not fetched again', async () => {
  await using mirror = await startArchive({ packages: [HELLO] })
  const cache = freshCache()
  await (await open(mirror, cache))[Symbol.asyncDispose]()
  mirror.requests.length = 0
  await using archive = await open(mirror, cache)
  assert.equal(archive.find('hello')[0]?.version, '1:2.0-1')
  assert.deepEqual(mirror.requests, ['GET /dists/trixie/InRelease'])
})

test('what has changed is fetched', async () => {
  await using mirror = await startArchive({ packages: [HELLO], date: new Date(Date.now() - DAY) })
  const cache = freshCache()
  await (await open(mirror, cache))[Symbol.asyncDispose]()
  await mirror.publish({ packages: [{ ...HELLO, version: '1:2.0-2' }] })
  await using archive = await open(mirror, cache)
  assert.equal(archive.find('hello')[0]?.version, '1:2.0-2')
})

test('without a network the verified index is used, if that is allowed', async () => {
  const mirror = await startArchive({ packages: [HELLO] })
  const cache = freshCache()
  await (await open(mirror, cache))[Symbol.asyncDispose]()
  await mirror[Symbol.asyncDispose]()
  for (const offline of ['only', 'fallback'] as const) {
    await using archive = await open(mirror, cache, { offline })
    assert.equal(archive.find('hello').length, 1)
  }
  assert.match(
    await complaint(open(mirror, cache)),
    /^langrun: cannot reach http:\/\/MIRROR\/dists\/trixie\/InRelease\n {2}because: connect ECONNREFUSED/,
  )
  assert.equal(
    await complaint(open(mirror, freshCache(), { offline: 'only' })),
    `langrun: cannot read the package index of trixie without a network
  because: it has never been fetched
  hint: go online once, then it is kept`,
  )
})

test('an index in the cache that is not whole is made anew', async () => {
  await using mirror = await startArchive({ packages: [HELLO] })
  const cache = freshCache()
  await (await open(mirror, cache))[Symbol.asyncDispose]()
  const [name] = readdirSync(join(cache, 'indexes')).filter((each) => each.endsWith('.1'))
  const path = join(cache, 'indexes', name!)
  const whole = readFileSync(path)
  truncateSync(path, whole.length - 1)
  await (await open(mirror, cache))[Symbol.asyncDispose]()
  assert.deepEqual(readFileSync(path), whole)
})

const REFUSED = 'langrun: cannot trust the release file of trixie from http://MIRROR'
const CLOCK = "  hint: check this machine's clock; if it is right, the mirror is out of date: choose another"
const CHANGED = '  hint: something on the way may have changed it; try another mirror, or give the key that signs this archive'

test('a release that another key signed is refused', async () => {
  await using mirror = await startArchive({ packages: [HELLO] })
  const { key } = await makeKey()
  const said = await complaint(open(mirror, freshCache(), { sources: [{ ...mirror.source, keys: [key] }] }))
  assert.equal(said, `${REFUSED}\n  because: Could not find signing key with key ID\n${CHANGED}`)
})

test('a release that was changed on the way is refused', async () => {
  await using mirror = await startArchive({ packages: [HELLO] })
  const path = '/dists/trixie/InRelease'
  mirror.files.set(path, Buffer.from(mirror.files.get(path)!.toString().replace('Origin: Test', 'Origin: Evil')))
  const said = await complaint(open(mirror, freshCache()))
  assert.equal(said, `${REFUSED}\n  because: Signed digest did not match\n${CHANGED}`)
})

test('what stands before the signed part is not believed', async () => {
  await using mirror = await startArchive({ packages: [HELLO], codename: 'sid' })
  const path = '/dists/trixie/InRelease'
  mirror.files.set(path, Buffer.concat([Buffer.from('Suite: trixie\nCodename: trixie\n\n'), mirror.files.get(path)!]))
  await assert.rejects(open(mirror, freshCache()), { code: 'untrusted' })
})

test('a release without a signature is refused', async () => {
  await using mirror = await startArchive({ packages: [HELLO] })
  mirror.files.set('/dists/trixie/InRelease', Buffer.from('Suite: trixie\nCodename: trixie\n'))
  await assert.rejects(open(mirror, freshCache()), { code: 'untrusted' })
})

test('a release that has expired is refused, unless that is asked for', async () => {
  await using mirror = await startArchive({
    packages: [HELLO],
    date: new Date(Date.now() - 9 * DAY),
    validUntil: new Date(Date.now() - DAY),
  })
  assert.equal(await complaint(open(mirror, freshCache())), `${REFUSED}\n  because: it was valid until TIME, now is TIME\n${CLOCK}`)
  await using archive = await open(mirror, freshCache(), { sources: [{ ...mirror.source, expired: 'accept' }] })
  assert.equal(archive.find('hello').length, 1)
})

test('a release of the future is refused', async () => {
  await using mirror = await startArchive({ packages: [HELLO] })
  const said = await complaint(open(mirror, freshCache(), { now: new Date(Date.now() - 3 * DAY) }))
  assert.equal(said, `${REFUSED}\n  because: it is of TIME, now is TIME\n${CLOCK}`)
})

test('a release older than one that was seen is refused', async () => {
  await using mirror = await startArchive({ packages: [HELLO] })
  const cache = freshCache()
  await (await open(mirror, cache))[Symbol.asyncDispose]()
  await mirror.publish({ packages: [], date: new Date(Date.now() - DAY) })
  const hint = '  hint: the mirror may lag behind: try again later, or choose another with --mirror'
  assert.equal(await complaint(open(mirror, cache)), `${REFUSED}\n  because: it is of TIME, but one of TIME was seen before\n${hint}`)
})

test('a release of another suite is refused', async () => {
  await using mirror = await startArchive({ packages: [HELLO], codename: 'sid' })
  assert.equal(
    await complaint(open(mirror, freshCache())),
    'langrun: cannot use the release file of trixie from http://MIRROR\n  because: it is of the suite "sid", codename "sid"',
  )
})

test('an architecture that the suite has not is refused', async () => {
  await using mirror = await startArchive({ packages: [HELLO] })
  assert.equal(
    await complaint(open(mirror, freshCache(), { architecture: 'vax' })),
    'langrun: cannot use the Debian suite "trixie" for vax\n  because: it has only all amd64',
  )
})

test('a suite that is not there is named', async () => {
  await using mirror = await startArchive({ packages: [HELLO] })
  assert.equal(
    await complaint(open(mirror, freshCache(), { sources: [{ ...mirror.source, suite: 'potato' }] })),
    `langrun: cannot find the Debian suite "potato"
  because: cannot find http://MIRROR/dists/potato/InRelease
  because: the server answered 404 Not Found
  hint: check the name of the suite and the mirror`,
  )
})

const MIDWAY = '  hint: the mirror may be mid-update: try again, or choose another with --mirror'

test('an index that is not what was signed is not even decompressed', async () => {
  await using mirror = await startArchive({ packages: [HELLO] })
  const cache = freshCache()
  mirror.fault(/by-hash/, { kind: 'corrupt' })
  const what = 'http://MIRROR/dists/trixie/main/binary-amd64/by-hash/SHA256/HEX'
  assert.equal(
    await complaint(open(mirror, cache)),
    `langrun: cannot trust the bytes sent for ${what}\n  because: got sha256:HEX, expected sha256:HEX\n${MIDWAY}`,
  )
  assert.deepEqual(
    readdirSync(join(cache, 'indexes')).filter((name) => !name.startsWith('release-')),
    [],
  )
})

test('a mirror that has no files by hash does as well', async () => {
  await using mirror = await startArchive({ packages: [HELLO] })
  mirror.fault(/by-hash/, { kind: 'missing' })
  await using archive = await open(mirror, freshCache())
  assert.equal(archive.find('hello').length, 1)
})

test('an index that is too short is refused', async () => {
  await using mirror = await startArchive({ packages: [HELLO] })
  mirror.fault(/by-hash/, { kind: 'short', after: 10 })
  assert.match(await complaint(open(mirror, freshCache())), /because: got 10 bytes, expected \d+ \(sha256:HEX\)/)
})

test('an index that unpacks to more than was signed is refused', async () => {
  await using mirror = await startArchive({
    packages: [HELLO],
    edit: (release) => release.replace(/ +\d+ (main.binary-amd64.Packages)\n/, ' 5 $1\n'),
  })
  assert.equal(
    await complaint(open(mirror, freshCache())),
    'langrun: cannot use a package index\n  because: it is longer than the 5 bytes it may have',
  )
})

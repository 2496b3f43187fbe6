import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sha256 } from '../../src/base/digest.ts'
import { render } from '../../src/base/error.ts'
import { openHttp } from '../../src/base/http.ts'
import { silent } from '../../src/base/progress.ts'
import { openDownloads, type Wanted } from '../../src/debian/download.ts'
import { startArchive, type TestArchive } from '../archive.ts'

const root = mkdtempSync(join(tmpdir(), 'langrun-download-'))
const http = openHttp({ env: {}, retryMs: [1, 1], idleMs: 200 })
after(() => {
  http.close()
  rmSync(root, { recursive: true })
})

/** Longer than what one read of a socket gives. */
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) >> 5))
const PATH = '/pool/file.deb'
/** No process has it: it is above the kernel's limit. */
const DEAD = 2 ** 22 + 1

async function start(): Promise<{ archive: TestArchive; wanted: Wanted; cache: string; folder: string } & AsyncDisposable> {
  const archive = await startArchive({ packages: [] })
  archive.files.set(PATH, BYTES)
  const cache = mkdtempSync(join(root, 'cache-'))
  const folder = join(cache, 'downloads/sha256')
  mkdirSync(folder, { recursive: true })
  const wanted = { url: `${archive.url}${PATH}`, size: BYTES.length, sha256: sha256(BYTES) }
  return { archive, wanted, cache, folder, [Symbol.asyncDispose]: () => archive[Symbol.asyncDispose]() }
}

function fetch(cache: string, wanted: Wanted): Promise<string> {
  return openDownloads({ cache, http, progress: silent }).file(wanted)
}

async function complaint(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail('it succeeded'),
    (thrown: unknown) => thrown,
  )
  return render(error)
    .replaceAll(/127\.0\.0\.1:\d+/g, 'MIRROR')
    .replaceAll(/[0-9a-f]{64}/g, 'HEX')
}

test('a file is fetched once, and then it is there', async () => {
  await using setting = await start()
  const { archive, cache, wanted, folder } = setting
  const downloads = openDownloads({ cache, http, progress: silent })
  const [path, same] = await Promise.all([downloads.file(wanted), downloads.file(wanted)])
  assert.equal(path, join(folder, wanted.sha256))
  assert.equal(same, path)
  assert.deepEqual(readFileSync(path), BYTES)
  await downloads.file(wanted)
  assert.deepEqual(archive.requests, [`GET ${PATH}`])
  assert.deepEqual(readdirSync(folder), [wanted.sha256])
})

test('a connection that breaks is continued where it broke', async () => {
  await using setting = await start()
  const { archive, cache, wanted } = setting
  archive.fault(/file/, { kind: 'drop', after: 100_000 }, 1)
  assert.deepEqual(readFileSync(await fetch(cache, wanted)), BYTES)
  assert.deepEqual(archive.requests, [`GET ${PATH}`, `GET ${PATH} bytes=100000-`])
})

test('what a process that died left is continued', async () => {
  await using setting = await start()
  const { archive, cache, wanted, folder } = setting
  writeFileSync(join(folder, `${wanted.sha256}.${DEAD}.part`), BYTES.subarray(0, 5))
  assert.deepEqual(readFileSync(await fetch(cache, wanted)), BYTES)
  assert.deepEqual(archive.requests, [`GET ${PATH} bytes=5-`])
  assert.deepEqual(readdirSync(folder), [wanted.sha256])
})

test('what a living process is fetching is left alone', async () => {
  await using setting = await start()
  const { cache, wanted, folder } = setting
  const theirs = `${wanted.sha256}.${process.ppid}.part`
  writeFileSync(join(folder, theirs), 'theirs')
  await fetch(cache, wanted)
  assert.equal(readFileSync(join(folder, theirs), 'utf8'), 'theirs')
})

test('a part with wrong bytes is fetched anew, once', async () => {
  await using setting = await start()
  const { archive, cache, wanted, folder } = setting
  writeFileSync(join(folder, `${wanted.sha256}.${DEAD}.part`), 'wrong')
  assert.deepEqual(readFileSync(await fetch(cache, wanted)), BYTES)
  assert.deepEqual(archive.requests, [`GET ${PATH} bytes=5-`, `GET ${PATH}`])
})

test('a part that is too long is fetched anew', async () => {
  await using setting = await start()
  const { cache, wanted, folder } = setting
  writeFileSync(join(folder, `${wanted.sha256}.${DEAD}.part`), Buffer.alloc(BYTES.length + 1))
  assert.deepEqual(readFileSync(await fetch(cache, wanted)), BYTES)
})

test('a server that ignores ranges does no harm', async () => {
  await using setting = await start()
  const { archive, cache, wanted, folder } = setting
  archive.fault(/file/, { kind: 'whole' })
  writeFileSync(join(folder, `${wanted.sha256}.${DEAD}.part`), BYTES.subarray(0, 5))
  assert.deepEqual(readFileSync(await fetch(cache, wanted)), BYTES)
})

test('a mirror that stalls is asked again, and then told of', async () => {
  await using setting = await start()
  const { archive, cache, wanted } = setting
  archive.fault(/file/, { kind: 'stall', after: 1000 }, 1)
  assert.deepEqual(readFileSync(await fetch(cache, wanted)), BYTES)
  assert.deepEqual(archive.requests, [`GET ${PATH}`, `GET ${PATH} bytes=1000-`])
})

test('bytes that are not what was signed are refused, and not kept', async () => {
  await using setting = await start()
  const { archive, cache, wanted, folder } = setting
  archive.fault(/file/, { kind: 'corrupt' })
  assert.equal(
    await complaint(fetch(cache, wanted)),
    `langrun: cannot trust the bytes sent for http://MIRROR${PATH}
  because: got sha256:HEX, expected sha256:HEX
  hint: the mirror may be mid-update: try again, or choose another with --mirror`,
  )
  assert.deepEqual(
    readdirSync(folder).map((name) => readFileSync(join(folder, name)).length),
    [0],
  )
})

test('more bytes than were signed are refused', async () => {
  await using setting = await start()
  const { archive, cache, wanted } = setting
  archive.files.set(PATH, Buffer.concat([BYTES, BYTES]))
  assert.match(await complaint(fetch(cache, wanted)), /because: got \d+ bytes, expected 300000/)
})

test('a version that has left the mirror is looked for elsewhere', async () => {
  await using setting = await start()
  const { archive, cache, wanted } = setting
  archive.fault(/^.pool/, { kind: 'missing' })
  archive.files.set('/snapshot/file.deb', BYTES)
  assert.equal(
    await complaint(fetch(cache, wanted)),
    `langrun: cannot find http://MIRROR${PATH}
  because: the server answered 404 Not Found
  hint: this version may have left the mirror: update, so that the newest is used`,
  )
  assert.deepEqual(readFileSync(await fetch(cache, { ...wanted, fallbacks: [`${archive.url}/snapshot/file.deb`] })), BYTES)
})

test('two processes that fetch the same file at once do not disturb each other', async () => {
  await using setting = await start()
  const { cache, wanted, folder } = setting
  const source = new URL('../../src/', import.meta.url).href
  const program = `
    import { openHttp } from '${source}base/http.ts'
    import { openDownloads } from '${source}debian/download.ts'
    const http = openHttp({ env: {} })
    await openDownloads({ cache: ${JSON.stringify(cache)}, http, progress: { begin: () => ({ update() {}, end() {} }) } }).file(${JSON.stringify(wanted)})
    http.close()`
  const run = () =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program], {
        stdio: ['ignore', 'inherit', 'inherit'],
      })
      child.on('close', resolve)
    })
  assert.deepEqual(await Promise.all([run(), run(), run()]), [0, 0, 0])
  assert.deepEqual(readdirSync(folder), [wanted.sha256])
  assert.deepEqual(readFileSync(join(folder, wanted.sha256)), BYTES)
})

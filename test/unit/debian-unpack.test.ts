import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { sha256 } from '../../src/base/digest.ts'
import { render } from '../../src/base/error.ts'
import { openHttp } from '../../src/base/http.ts'
import { silent } from '../../src/base/progress.ts'
import type { Unpacked } from '../../src/debian/deb.ts'
import { openDownloads } from '../../src/debian/download.ts'
import { obtain, startUnpackers } from '../../src/debian/unpackers.ts'
import { startArchive } from '../archive.ts'
import { arOf, type Compression, compress, MTIME, makeDeb, makePackage, type RawEntry, tarOf } from '../deb.ts'

const root = mkdtempSync(join(tmpdir(), 'langrun-unpack-'))
const worker = new URL('../../src/debian/unpack-worker.ts', import.meta.url)
const unpackers = startUnpackers({ worker, count: 2 })
after(async () => {
  await unpackers[Symbol.asyncDispose]()
  rmSync(root, { recursive: true })
})

async function unpack(deb: Buffer): Promise<Unpacked & { folder: string }> {
  const folder = mkdtempSync(join(root, 'package-'))
  const path = join(folder, 'package.deb')
  writeFileSync(path, deb)
  return { ...(await unpackers.unpack(path, folder, { size: deb.length, sha256: sha256(deb) })), folder }
}

function unpackEntries(entries: readonly RawEntry[]): Promise<Unpacked & { folder: string }> {
  return unpack(makeDeb({ data: tarOf(entries) }))
}

const dir = (path: string, mode = 0o755) => ({ path, type: 'dir', mode, size: 0, mtime: MTIME })
const file = (path: string, text: string | Buffer, mode = 0o644) => ({
  path,
  type: 'file',
  mode,
  size: Buffer.byteLength(text),
  mtime: MTIME,
  sha256: sha256(text),
})
const link = (path: string, target: string) => ({ path, type: 'link', mode: 0o777, size: 0, mtime: MTIME, target })

test('files, folders, links and control files arrive as they were packed', async () => {
  const { deb } = makePackage({
    name: 'hello',
    files: {
      'usr/bin/hello': '#!/bin/sh\necho hello\n',
      'usr/bin/hallo': { hardlink: 'usr/bin/hello' },
      'usr/bin/ahoy': { link: 'hello' },
      'etc/absolute': { link: '/usr/bin/hello' },
      'etc/empty': '',
      'etc/secret': { text: 'x', mode: 0o600 },
      'usr/share/ünïcode': 'é',
      'usr/share/doc/hello/copyright': 'left out',
      'usr/share/locale/de/hello.mo': 'left out',
      'usr/share/locale/C/hello.mo': 'kept',
    },
    scripts: { postinst: '#!/bin/sh\nexit 0\n', triggers: 'activate ldconfig\n', md5sums: 'of no use' },
  })
  const { entries, scripts, folder } = await unpack(deb)
  const script = '#!/bin/sh\necho hello\n'
  assert.deepEqual(entries, [
    dir('etc'),
    link('etc/absolute', '/usr/bin/hello'),
    file('etc/empty', ''),
    file('etc/secret', 'x', 0o600),
    dir('usr'),
    dir('usr/bin'),
    link('usr/bin/ahoy', 'hello'),
    file('usr/bin/hallo', script, 0o755),
    file('usr/bin/hello', script, 0o755),
    dir('usr/share'),
    dir('usr/share/locale'),
    dir('usr/share/locale/C'),
    file('usr/share/locale/C/hello.mo', 'kept'),
    file('usr/share/ünïcode', 'é'),
  ])
  assert.deepEqual(Object.keys(scripts).sort(), ['control', 'postinst', 'triggers'])
  assert.equal(scripts.postinst, '#!/bin/sh\nexit 0\n')
  assert.equal(scripts.triggers, 'activate ldconfig\n')
  assert.deepEqual(onDisk(join(folder, 'root')), entries)
  assert.equal(lstatSync(join(folder, 'root/usr/bin/hello')).ino, lstatSync(join(folder, 'root/usr/bin/hallo')).ino)
})

for (const compression of ['none', 'gz', 'zst', 'xz'] as const satisfies Compression[]) {
  test(`a package compressed with ${compression} is unpacked`, async (t) => {
    if (compression === 'xz' && spawnSync('xz', ['--version']).status !== 0) {
      assert.notEqual(process.env['LANGRUN_MUST_WORK'], '1', 'xz is missing')
      t.skip('the xz command is not installed')
      return
    }
    // Longer than any buffer on the way, and in two files that do not end where a piece ends.
    const long = Buffer.from(Array.from({ length: 3_000_001 }, (_, i) => (i * 7919) >> 7))
    const data = tarOf([
      { path: './a', body: long },
      { path: './b', body: long.subarray(1) },
    ])
    const { entries, folder } = await unpack(makeDeb({ data, compression }))
    assert.deepEqual(entries, [file('a', long), file('b', long.subarray(1))])
    assert.deepEqual(onDisk(join(folder, 'root')), entries)

    const whole = compress(data, compression)
    const cut = arOf([
      ['debian-binary', Buffer.from('2.0\n')],
      ['control.tar.gz', gzipSync(tarOf([]))],
      [`data.tar${compression === 'none' ? '' : `.${compression}`}`, whole.subarray(0, whole.length >> 1)],
    ])
    await assert.rejects(unpack(cut), { code: 'damaged' })
  })
}

test('what lies in /bin, /lib and their like goes to /usr; the links themselves stay', async () => {
  const { entries } = await unpackEntries([
    { path: './bin', type: '2', target: 'usr/bin' },
    { path: './lib/', type: '5', mode: 0o755 },
    { path: './lib/x', body: 'x' },
    { path: './libexec', body: 'another name' },
  ])
  assert.deepEqual(entries, [link('bin', 'usr/bin'), file('libexec', 'another name'), dir('usr'), dir('usr/lib'), file('usr/lib/x', 'x')])
})

test('long names, of GNU and of pax, and set-id bits that are dropped', async () => {
  const long = `${'d'.repeat(120)}/${'n'.repeat(120)}`
  const pax = (record: string) => `${record.length + 5} ${record}\n`
  const { entries, folder } = await unpackEntries([
    { path: '././@LongLink', type: 'L', body: `./${long}\0` },
    { path: './cut', body: 'gnu', mode: 0o4755 },
    { path: '././@LongLink', type: 'K', body: `${long}\0` },
    { path: './link', type: '2', target: 'cut' },
    { path: './PaxHeaders/x', type: 'x', body: pax(`path=./p${long}`) },
    { path: './cut', body: 'pax' },
    { path: './tmp/', type: '5', mode: 0o1777 },
    { path: './group/', type: '5', mode: 0o2775 },
  ])
  const folderName = 'd'.repeat(120)
  assert.deepEqual(entries, [
    dir(folderName),
    file(long, 'gnu', 0o755),
    dir('group', 0o775),
    link('link', long),
    dir(`p${folderName}`),
    file(`p${long}`, 'pax'),
    dir('tmp', 0o1777),
  ])
  assert.deepEqual(onDisk(join(folder, 'root')), entries)
})

test('a file whose name is cut off at a slash is still a file', async () => {
  const long = `${'d'.repeat(97)}/name`
  const { entries } = await unpackEntries([
    { path: '././@LongLink', type: 'L', body: `./${long}\0` },
    { path: `./${long}`.slice(0, 100), body: 'x' },
    { path: './after', body: 'y' },
  ])
  assert.deepEqual(entries, [file('after', 'y'), dir('d'.repeat(97)), file(long, 'x')])
})

const ATTACKS: Record<string, { entries: RawEntry[]; says: string }> = {
  'a path that climbs out': { entries: [{ path: '../evil', body: 'x' }], says: 'cannot unpack the entry "../evil"\n  because: its path leads out of the package' },
  'a path that climbs out further in': { entries: [{ path: './a/../../evil', body: 'x' }], says: 'cannot unpack the entry "./a/../../evil"\n  because: its path leads out of the package' },
  'an absolute path': { entries: [{ path: '/tmp/evil', body: 'x' }], says: 'cannot unpack the entry "/tmp/evil"\n  because: its path is absolute' },
  'a file through a link out': {
    entries: [{ path: './out', type: '2', target: '/tmp' }, { path: './out/evil', body: 'x' }],
    says: 'cannot unpack the entry "out/evil"\n  because: "out" is no folder but a link of the same package',
  },
  'a folder in place of a link': {
    entries: [{ path: './out', type: '2', target: '/tmp' }, { path: './out/', type: '5' }],
    says: 'cannot unpack the entry "./out/"\n  because: it is there twice',
  },
  'a link in place of a folder': {
    entries: [{ path: './a/', type: '5' }, { path: './a', type: '2', target: '/tmp' }],
    says: 'cannot unpack the entry "./a"\n  because: it is there twice',
  },
  'a link below a link': {
    entries: [{ path: './a', type: '2', target: '.' }, { path: './a/b', type: '2', target: '/tmp' }],
    says: 'cannot unpack the entry "a/b"\n  because: "a" is no folder but a link of the same package',
  },
  'a hard link out': { entries: [{ path: './a', type: '1', target: '../../etc/passwd' }], says: 'cannot unpack the entry "../../etc/passwd"\n  because: its path leads out of the package' },
  'a hard link to a link': {
    entries: [{ path: './a', type: '2', target: '/etc/passwd' }, { path: './b', type: '1', target: './a' }],
    says: 'cannot unpack the entry "./b"\n  because: it is a hard link to "./a", which is no file of the package before it',
  },
  'a device': { entries: [{ path: './dev/sda', type: '4' }], says: 'cannot unpack the entry "./dev/sda"\n  because: a package may not contain a BlockDevice' },
  'a character device': { entries: [{ path: './dev/mem', type: '3' }], says: 'cannot unpack the entry "./dev/mem"\n  because: a package may not contain a CharacterDevice' },
  'a fifo': { entries: [{ path: './fifo', type: '6' }], says: 'cannot unpack the entry "./fifo"\n  because: a package may not contain a FIFO' },
  'an unknown type': { entries: [{ path: './what', type: 'Q' }], says: 'cannot unpack the entry "./what"\n  because: a package may not contain a Unsupported' },
  'a file twice': { entries: [{ path: './a', body: '1' }, { path: 'a', body: '2' }], says: 'cannot unpack the entry "a"\n  because: it is there twice' },
  'a file twice, by the merge of /usr': { entries: [{ path: './bin/a', body: '1' }, { path: './usr/bin/a', body: '2' }], says: 'cannot unpack the entry "./usr/bin/a"\n  because: it is there twice' },
  'a file in place of the root': { entries: [{ path: './', body: 'x', type: '2', target: '/' }], says: 'cannot unpack the entry "./"\n  because: the root of a package is a folder' },
  'a size that is a lie': { entries: [{ path: './a', body: 'short', size: 100_000 }], says: 'cannot read its tar archive\n  because: it ends too early' },
  'a size of petabytes': { entries: [{ path: './a', size: 2 ** 50 }], says: 'cannot read its tar archive\n  because: it unpacks to more than 17179869184 bytes' },
  'a name without end': { entries: [{ path: './@LongLink', type: 'L', body: 'a/'.repeat(100_000) }], says: 'cannot read its tar archive\n  because: a name or an extended header has more than 65536 bytes' },
  'a name that is too long': { entries: [{ path: './@LongLink', type: 'L', body: 'a/'.repeat(3000) }, { path: 'x' }], says: `cannot unpack the entry "${'a/'.repeat(100)}"\n  because: its path is too long` },
  'a name that is not text': { entries: [{ path: '././@LongLink', type: 'L', body: Buffer.from([0x61, 0xff]) }, { path: 'x' }], says: 'cannot unpack the entry "a\ufffd"\n  because: its path is not UTF-8' },
} // biome-ignore format: a table

for (const [name, { entries, says }] of Object.entries(ATTACKS)) {
  test(`${name} is refused`, async () => {
    const error = await unpackEntries(entries).then(
      () => assert.fail('it was accepted'),
      (thrown: unknown) => thrown,
    )
    assert.equal(render(error), `langrun: cannot unpack the package package.deb\n  because: ${says}`)
  })
}

test('a bomb among the control files is refused before it has filled the memory', async () => {
  const control = { postinst: '\0'.repeat(33 * 1024 * 1024) }
  const error = await unpack(makeDeb({ control, data: tarOf([]) })).then(
    () => assert.fail('it was accepted'),
    (thrown: unknown) => thrown,
  )
  assert.equal(
    render(error),
    'langrun: cannot unpack the package package.deb\n  because: cannot read its control files\n  because: they are too large',
  )
})

test('a header with a wrong checksum is refused', async () => {
  const data = tarOf([{ path: './a', body: 'x' }])
  data[0]! ^= 1
  await assert.rejects(unpack(makeDeb({ data })), { code: 'damaged' })
})

const CONTROL = ['control.tar.gz', gzipSync(tarOf([]))] as const
const DATA = ['data.tar', tarOf([])] as const
const BROKEN: Record<string, Buffer> = {
  'it is not an ar archive': Buffer.from('hello'),
  'it has no control.tar': arOf([DATA]),
  'it has no data.tar': arOf([CONTROL]),
  'it has more than one data.tar': arOf([CONTROL, DATA, ['data.tar.gz', gzipSync(tarOf([]))]]),
  'a member is longer than the file': arOf([CONTROL, ['data.tar', tarOf([]), 1e9]]),
  'a member has no header': Buffer.concat([arOf([CONTROL, DATA]), Buffer.from('rest')]),
  'it has more than 16 members': arOf(Array.from({ length: 17 }, (_, i) => [`_${i}`, Buffer.alloc(0)] as const)),
}

for (const [cause, deb] of Object.entries(BROKEN)) {
  test(`a package is refused because ${cause}`, async () => {
    const error = await unpack(deb).then(
      () => assert.fail('it was accepted'),
      (thrown: unknown) => thrown,
    )
    assert.equal(
      render(error),
      `langrun: cannot unpack the package package.deb\n  because: cannot read its ar archive\n  because: ${cause}`,
    )
  })
}

test('a package that has changed in the cache is not opened, and fetched anew', async () => {
  await using archive = await startArchive({ packages: [{ name: 'hello', files: { 'usr/bin/hello': '#!' } }] })
  const [[path, deb] = ['', Buffer.alloc(0)]] = [...archive.files].filter(([name]) => name.endsWith('.deb'))
  const cache = mkdtempSync(join(root, 'cache-'))
  const http = openHttp({ env: {} })
  const downloads = openDownloads({ cache, http, progress: silent })
  const wanted = { url: archive.url + path, size: deb.length, sha256: sha256(deb) }
  const cached = await downloads.file(wanted)
  writeFileSync(cached, Buffer.alloc(deb.length))
  await assert.rejects(unpackers.unpack(cached, mkdtempSync(join(root, 'package-')), wanted), { code: 'damaged' })
  const { entries } = await obtain(wanted, mkdtempSync(join(root, 'package-')), downloads, unpackers)
  assert.deepEqual(
    entries.map((entry) => entry.path),
    ['usr', 'usr/bin', 'usr/bin/hello'],
  )
  http.close()
})

test('more packages than threads are all unpacked', async () => {
  const debs = Array.from({ length: 20 }, (_, i) => makePackage({ name: `p${i}`, files: { [`f${i}`]: String(i) } }).deb)
  const all = await Promise.all(debs.map(unpack))
  assert.deepEqual(
    all.map(({ entries }) => entries),
    debs.map((_, i) => [file(`f${i}`, String(i))]),
  )
})

/** The tree as a manifest would tell it. */
function onDisk(folder: string, prefix = ''): unknown[] {
  return readdirSync(join(folder, prefix))
    .flatMap((name) => {
      const path = prefix === '' ? name : `${prefix}/${name}`
      const at = join(folder, path)
      const { mode, mtimeMs, size } = lstatSync(at)
      const shared = { path, mode: mode & 0o7777, mtime: mtimeMs / 1000 }
      if ((mode & 0o170000) === 0o120000) return [{ ...shared, type: 'link', size: 0, target: readlinkSync(at) }]
      if ((mode & 0o170000) === 0o040000) return [{ ...shared, type: 'dir', size: 0 }, ...onDisk(folder, path)]
      return [{ ...shared, type: 'file', size, sha256: sha256(readFileSync(at)) }]
    })
    .sort((a, b) => ((a as { path: string }).path < (b as { path: string }).path ? -1 : 1))
}

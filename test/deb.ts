/** Packages made in code, byte by byte where they are to be hostile. */

import { spawnSync } from 'node:child_process'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { Header } from 'tar'
import { sha256 } from '../src/base/digest.ts'

export type Compression = 'none' | 'gz' | 'xz' | 'zst'

/** A file's text, or what else it is. */
export type TestFile =
  | string
  | Buffer
  | { readonly text: string | Buffer; readonly mode: number }
  | { readonly link: string }
  | { readonly hardlink: string }

export interface TestPackage {
  readonly name: string
  readonly version?: string
  readonly architecture?: string
  readonly depends?: string
  readonly preDepends?: string
  readonly provides?: string
  /** More fields of the control file, such as `Essential`. */
  readonly fields?: Readonly<Record<string, string>>
  /** By path, without a leading slash; folders are made for them. */
  readonly files?: Readonly<Record<string, TestFile>>
  /** Control files besides `control`: `postinst`, `triggers`, … */
  readonly scripts?: Readonly<Record<string, string>>
  readonly compression?: Compression
  /** The .deb itself, instead of one that is made of the files. */
  readonly deb?: Buffer
}

/** The package and how an index describes it. */
export function makePackage(package_: TestPackage): { stanza: string; filename: string; deb: Buffer } {
  const { name, version = '1.0', architecture = 'amd64' } = package_
  const fields: Record<string, string | undefined> = {
    Package: name,
    Version: version,
    Architecture: architecture,
    Maintainer: 'Nobody <nobody@example.org>',
    'Installed-Size': '1',
    Depends: package_.depends,
    'Pre-Depends': package_.preDepends,
    Provides: package_.provides,
    Description: `the package ${name}`,
    ...package_.fields,
  }
  const control = Object.entries(fields)
    .flatMap(([field, value]) => (value === undefined ? [] : `${field}: ${value}\n`))
    .join('')
  const { files = {}, scripts = {}, compression = 'gz' } = package_
  const deb = package_.deb ?? makeDeb({ control: { control, ...scripts }, data: tarOf(entriesOf(files)), compression })
  const filename = `pool/main/${name[0]}/${name}/${name}_${version.replace(/^\d+:/, '')}_${architecture}.deb`
  return { stanza: `${control}Filename: ${filename}\nSize: ${deb.length}\nSHA256: ${sha256(deb)}\n`, filename, deb }
}

export interface DebParts {
  readonly control?: Readonly<Record<string, string>>
  readonly data: Buffer
  readonly compression?: Compression
}

export function makeDeb({ control = { control: 'Package: test\n' }, data, compression = 'none' }: DebParts): Buffer {
  const scripts = Object.entries(control).map(([path, body]): RawEntry => ({ path: `./${path}`, body, mode: 0o755 }))
  return arOf([
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', gzipSync(tarOf(scripts))],
    [`data.tar${compression === 'none' ? '' : `.${compression}`}`, compress(data, compression)],
  ])
}

export function arOf(members: readonly (readonly [name: string, bytes: Buffer, announced?: number])[]): Buffer {
  const parts = members.flatMap(([name, bytes, announced = bytes.length]) => {
    const header = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(announced).padEnd(10)}\`\n`
    return [Buffer.from(header), bytes, Buffer.from(bytes.length % 2 ? '\n' : '')]
  })
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts])
}

export function compress(bytes: Buffer, compression: Compression): Buffer {
  if (compression === 'gz') return gzipSync(bytes)
  if (compression === 'zst') return zstdCompressSync(bytes)
  if (compression === 'none') return bytes
  const { stdout, status } = spawnSync('xz', ['--compress', '--stdout', '-0'], { input: bytes, maxBuffer: 1 << 30 })
  if (status !== 0) throw new Error('the xz command is needed to make this package')
  return stdout
}

/** What a tar header says; nothing is checked or mended. */
export interface RawEntry {
  readonly path: string
  /** The tar format's letter; `0` a file. */
  readonly type?: string
  readonly body?: string | Buffer
  /** What the header says that the body's size is. */
  readonly size?: number
  readonly mode?: number
  readonly target?: string
}

/** 2025-06-01 */
export const MTIME = 1_748_736_000

export function tarOf(entries: readonly RawEntry[], end = Buffer.alloc(1024)): Buffer {
  const parts = entries.flatMap(({ path, type = '0', body = '', size, mode = 0o644, target = '' }) => {
    const bytes = Buffer.from(body)
    const header = Buffer.alloc(512)
    new Header({
      path: 'x',
      mode,
      uid: 0,
      gid: 0,
      size: size ?? bytes.length,
      mtime: new Date(MTIME * 1000),
      type: 'File',
      uname: 'root',
      gname: 'root',
    }).encode(header)
    header.fill(0, 0, 100).write(path, 0, 100)
    header.write(type, 156, 1)
    header.write(target, 157, 100)
    return [checksum(header), bytes, Buffer.alloc(-bytes.length & 511)]
  })
  return Buffer.concat([...parts, end])
}

function checksum(header: Buffer): Buffer {
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

function entriesOf(files: Readonly<Record<string, TestFile>>): RawEntry[] {
  const folders = new Set<string>()
  for (const path of Object.keys(files)) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at))
  }
  const made = [...folders].map((path): RawEntry => ({ path: `./${path}/`, type: '5', mode: 0o755 }))
  return [{ path: './', type: '5', mode: 0o755 }, ...made, ...Object.entries(files).map(([path, file]) => entryOf(`./${path}`, file))]
}

function entryOf(path: string, file: TestFile): RawEntry {
  if (typeof file === 'string' || Buffer.isBuffer(file)) {
    return { path, body: file, mode: file.toString().startsWith('#!') ? 0o755 : 0o644 }
  }
  if ('link' in file) return { path, type: '2', target: file.link, mode: 0o777 }
  if ('hardlink' in file) return { path, type: '1', target: `./${file.hardlink}` }
  return { path, body: file.text, mode: file.mode }
}

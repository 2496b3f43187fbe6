/**
 * A Debian archive of our own, in this process, over real HTTP: signed, with by-hash, ranges, and faults to order.
 *
 *     await using archive = await startArchive({ packages: [{ name: 'hello', files: { 'usr/bin/hello': '#!/bin/sh\n' } }] })
 *     archive.fault(/hello.*deb$/, { kind: 'stall', after: 10 })
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { createCleartextMessage, generateKey, type PrivateKey, readPrivateKey, sign } from 'openpgp'
import { sha256 } from '../src/base/digest.ts'
import type { Source } from '../src/debian/source.ts'
import { makePackage, type TestPackage } from './deb.ts'

export type { TestPackage } from './deb.ts'

export interface TestSuite {
  readonly packages: readonly TestPackage[]
  /** Of the release file; now, if not given. */
  readonly date?: Date
  readonly validUntil?: Date
  /** What the release file says that it is, if not what it is called. */
  readonly codename?: string
  /** What is changed in the release file before it is signed. */
  readonly edit?: (release: string) => string
}

export interface TestArchiveOptions extends TestSuite {
  /** Besides `trixie`, which the packages above are in. */
  readonly suites?: Readonly<Record<string, TestSuite>>
}

export type Fault =
  /** Not there. */
  | { readonly kind: 'missing' }
  /** Any status. */
  | { readonly kind: 'status'; readonly status: number }
  /** As many bytes as announced, one of them wrong. */
  | { readonly kind: 'corrupt' }
  /** Fewer bytes, announced as such. */
  | { readonly kind: 'short'; readonly after: number }
  /** The connection breaks. */
  | { readonly kind: 'drop'; readonly after: number }
  /** Nothing more comes. */
  | { readonly kind: 'stall'; readonly after: number }
  /** Ranges are ignored. */
  | { readonly kind: 'whole' }

export interface TestArchive extends AsyncDisposable {
  /** The mirror, for `Mirrors` and `Source`. */
  readonly url: string
  /** Armored. */
  readonly key: string
  readonly source: Source
  /** What was asked for: `GET /dists/…`, with the range if there was one. */
  readonly requests: string[]
  /** Put something else into a suite. */
  publish(suite: TestSuite, name?: string): Promise<void>
  /** Answer requests for matching paths wrongly, `times` or for ever. */
  fault(path: RegExp, fault: Fault, times?: number): void
  /** The bytes at a path, to look at or to change. */
  readonly files: Map<string, Buffer>
}

export async function startArchive(options: TestArchiveOptions): Promise<TestArchive> {
  const files = new Map<string, Buffer>()
  const requests: string[] = []
  const faults: { path: RegExp; fault: Fault; times: number }[] = []
  const { privateKey, key } = await makeKey()
  const publish = async (suite: TestSuite, name = 'trixie') => {
    for (const [path, bytes] of await makeSuite(name, suite, privateKey)) files.set(path, bytes)
  }
  await publish(options)
  for (const [name, suite] of Object.entries(options.suites ?? {})) await publish(suite, name)

  const server = createServer((request, response) => {
    const path = decodeURI(request.url ?? '')
    requests.push(`${request.method} ${path}${request.headers.range ? ` ${request.headers.range}` : ''}`)
    const at = faults.findIndex((each) => each.times > 0 && each.path.test(path))
    const fault = faults[at]
    if (fault !== undefined) fault.times--
    answer(request, response, files.get(path), fault?.fault)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    key,
    source: { mirror: url, suite: 'trixie', components: ['main'], keys: [key] },
    requests,
    publish,
    fault: (path, fault, times = Number.POSITIVE_INFINITY) => faults.push({ path, fault, times }),
    files,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A key that lives for one test. */
export async function makeKey(): Promise<{ privateKey: PrivateKey; key: string }> {
  const { privateKey, publicKey } = await generateKey({
    type: 'curve25519',
    userIDs: [{ name: 'Test archive' }],
    date: new Date('2020-01-01'),
    format: 'armored',
  })
  return { privateKey: await readPrivateKey({ armoredKey: privateKey }), key: publicKey }
}

async function makeSuite(name: string, suite: TestSuite, signingKeys: PrivateKey): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  let index = ''
  for (const package_ of suite.packages) {
    const { stanza, filename, deb } = makePackage(package_)
    files.set(`/${filename}`, deb)
    index += `${stanza}\n`
  }
  const folder = 'main/binary-amd64'
  const lists = new Map([
    [`${folder}/Packages`, Buffer.from(index)],
    [`${folder}/Packages.gz`, gzipSync(index)],
  ])
  const { date = new Date(), validUntil, codename = name, edit = (text: string) => text } = suite
  let release = `Origin: Test\nSuite: ${codename}\nCodename: ${codename}\nDate: ${date.toUTCString()}\n`
  if (validUntil !== undefined) release += `Valid-Until: ${validUntil.toUTCString()}\n`
  release += 'Acquire-By-Hash: yes\nArchitectures: all amd64\nComponents: main\nSHA256:\n'
  for (const [path, bytes] of lists) {
    release += ` ${sha256(bytes)} ${String(bytes.length).padStart(8)} ${path}\n`
    files.set(`/dists/${name}/${path}`, bytes)
    files.set(`/dists/${name}/${folder}/by-hash/SHA256/${sha256(bytes)}`, bytes)
  }
  const message = await createCleartextMessage({ text: edit(release) })
  files.set(`/dists/${name}/InRelease`, Buffer.from(await sign({ message, signingKeys })))
  return files
}

function answer(request: IncomingMessage, response: ServerResponse, file: Buffer | undefined, fault: Fault | undefined): void {
  if (fault?.kind === 'status') return void response.writeHead(fault.status).end()
  if (file === undefined || fault?.kind === 'missing') return void response.writeHead(404).end()
  let bytes = file
  if (fault?.kind === 'corrupt') {
    bytes = Buffer.from(file)
    bytes[bytes.length >> 1]! ^= 1
  }
  if (fault?.kind === 'short') bytes = file.subarray(0, fault.after)
  const etag = `"${sha256(file).slice(0, 16)}"`
  if (request.headers['if-none-match'] === etag) return void response.writeHead(304, { etag }).end()
  const from = fault?.kind === 'whole' ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  if (from > 0 && from >= bytes.length) return void response.writeHead(416).end()
  const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}
  response.writeHead(from > 0 ? 206 : 200, { etag, 'content-length': bytes.length - from, ...range })
  const body = bytes.subarray(from)
  if (fault?.kind === 'drop') response.write(body.subarray(0, fault.after), () => setImmediate(() => response.destroy()))
  else if (fault?.kind === 'stall') response.write(body.subarray(0, fault.after))
  else response.end(body)
}

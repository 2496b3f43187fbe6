/** One .deb, verified again and then unpacked: its files below `<folder>/root`, its control files in memory. */

import { createHash } from 'node:crypto'
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import { type Member, readMember, readMembers } from './ar.ts'
import { decompress } from './decompress.ts'
import { parseEntryPath } from './entry-path.ts'
import type { Expected } from './expected.ts'
import { type ManifestEntry, startExtractor } from './extract.ts'
import { readTar, type Sink } from './tar-reader.ts'

/** Debian's largest control archive (of a kernel, its list of digests) unpacks to 3 MB. */
const MAX_CONTROL_BYTES = 32 * 1024 * 1024

/** Whatever else a package brings is of use to dpkg alone. */
const CONTROL_FILES = ['control', 'preinst', 'postinst', 'prerm', 'postrm', 'config', 'templates', 'triggers', 'conffiles'] as const
export type ControlFile = (typeof CONTROL_FILES)[number]

export interface Unpacked {
  readonly entries: readonly ManifestEntry[]
  /** The control files by name. */
  readonly scripts: { readonly [name in ControlFile]?: string }
}

export interface UnpackJob {
  /** Of the package, for messages. */
  readonly name: string
  readonly deb: string
  readonly expected: Expected
  /** Of the caller's own; made if need be; must hold no `root` yet. */
  readonly folder: string
  /** Paths of the only files that are wanted; reading ends when they are there. */
  readonly only?: readonly string[] | undefined
}

/** @throws LangrunError `damaged` if the file is not what was downloaded, `untrusted` if it contains what it may not */
export async function unpackDeb(job: UnpackJob, umask: number): Promise<Unpacked> {
  const { name, deb, expected, folder, only } = job
  const fd = openSync(deb, 'r')
  try {
    verify(fd, deb, expected)
    const members = readMembers(fd)
    const scripts = await readControl(fd, pick(members, 'control.tar'))
    const root = join(folder, 'root')
    mkdirSync(folder, { recursive: true })
    mkdirSync(root, 0o755)
    const extractor = startExtractor(root, umask, only)
    const data = pick(members, 'data.tar')
    await readTar(decompress(data.name, readMember(fd, data)), extractor.open, extractor.isComplete)
    return { entries: extractor.finish(), scripts }
  } catch (error) {
    if (!(error instanceof LangrunError)) throw error
    throw new LangrunError(error.code, `cannot unpack the package ${name}`, { cause: error })
  } finally {
    closeSync(fd)
  }
}

/** The file lay in a cache for an unknown time; its bytes are hashed in 1/20 of the time that unpacking takes. */
function verify(fd: number, path: string, expected: Expected): void {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafeSlow(1024 * 1024)
  for (let read = readSync(fd, piece); read > 0; read = readSync(fd, piece)) hash.update(piece.subarray(0, read))
  const sha256 = hash.digest('hex')
  const { size } = fstatSync(fd)
  if (size === expected.size && sha256 === expected.sha256) return
  throw new LangrunError('damaged', `cannot use ${path}`, {
    cause: `it has ${size} bytes of sha256:${sha256}, expected ${expected.size} of sha256:${expected.sha256}`,
    hint: 'delete it: it is then fetched again',
  })
}

function pick(members: readonly Member[], name: string): Member {
  const [found, another] = members.filter((member) => member.name === name || member.name.startsWith(`${name}.`))
  if (found !== undefined && another === undefined) return found
  throw new LangrunError('damaged', 'cannot read its ar archive', { cause: `it has ${found ? 'more than one' : 'no'} ${name}` })
}

async function readControl(fd: number, member: Member): Promise<Unpacked['scripts']> {
  const control: { [name in ControlFile]?: string } = {}
  let total = 0
  await readTar(decompress(member.name, readMember(fd, member)), ({ path, type, size }): Sink | undefined => {
    const name = CONTROL_FILES.find((each) => each === parseEntryPath(path))
    total += size
    if (total > MAX_CONTROL_BYTES) throw new LangrunError('untrusted', 'cannot read its control files', { cause: 'they are too large' })
    if (name === undefined || type !== 'file') return undefined
    const pieces: Buffer[] = []
    return {
      write: (data) => pieces.push(Buffer.from(data)),
      end() {
        control[name] = Buffer.concat(pieces).toString()
      },
    }
  })
  return control
}

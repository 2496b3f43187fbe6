/**
 * The architectures whose programs langrun can run, and how the kernel recognizes them.
 *
 * Magic and mask are those of QEMU's scripts/qemu-binfmt-conf.sh and of Debian's qemu-user (usr/share/qemu/binfmt.d): the start of an
 * ELF file with the class, byte order, type (program or shared object) and machine of the architecture, and any OS ABI that is usual.
 */

import { LangrunError } from '../base/error.ts'
import type { Magic } from './magic.ts'

/** Debian's name. */
export type ArchitectureName = keyof typeof TABLE

export interface Architecture {
  readonly name: ArchitectureName
  /** What QEMU calls it. */
  readonly qemu: string
  readonly magic: Magic
}

const TABLE = {
  amd64: ['x86_64', '7f454c4602010100000000000000000002003e00', 'fffffffffffefefcfffffffffffffffffeffffff'],
  arm64: ['aarch64', '7f454c460201010000000000000000000200b700', 'ffffffffffffff00fffffffffffffffffeffffff'],
  armhf: ['arm', '7f454c4601010100000000000000000002002800', 'ffffffffffffff00fffffffffffffffffeffffff'],
  i386: ['i386', '7f454c4601010100000000000000000002000300', 'fffffffffffefefcfffffffffffffffffeffffff'],
  ppc64el: ['ppc64le', '7f454c4602010100000000000000000002001500', 'fffffffffffffffcfffffffffffffffffeffff00'],
  riscv64: ['riscv64', '7f454c460201010000000000000000000200f300', 'ffffffffffffff00fffffffffffffffffeffffff'],
  s390x: ['s390x', '7f454c4602020100000000000000000000020016', 'fffffffffffffffcfffffffffffffffffffeffff'],
} as const

/** Names that other systems use: GNU, Docker, Go, QEMU. */
const ALIASES: Readonly<Record<string, ArchitectureName>> = {
  aarch64: 'arm64',
  arm: 'armhf',
  armv7: 'armhf',
  armv7l: 'armhf',
  x86_64: 'amd64',
  'x86-64': 'amd64',
  i686: 'i386',
  '386': 'i386',
  ppc64le: 'ppc64el',
}

/** Every architecture but the host's own, by name. */
export function foreignArchitectures(host: ArchitectureName): Architecture[] {
  return (Object.keys(TABLE) as ArchitectureName[]).filter((name) => name !== host).map(architecture)
}

/** @throws LangrunError `usage` for a name that we do not know */
export function parseArchitecture(text: string): Architecture {
  const name = Object.hasOwn(TABLE, text) ? (text as ArchitectureName) : Object.hasOwn(ALIASES, text) ? ALIASES[text] : undefined
  if (name !== undefined) return architecture(name)
  throw new LangrunError('usage', `cannot emulate the architecture "${text}"`, { cause: `langrun knows ${Object.keys(TABLE).join(', ')}` })
}

/** @param node as process.arch. @throws LangrunError `unsupported`; https://wiki.debian.org/SupportedArchitectures */
export function hostArchitecture(node: string): ArchitectureName {
  const names: Readonly<Record<string, ArchitectureName>> = { x64: 'amd64', arm64: 'arm64' }
  const name = names[node]
  if (name !== undefined) return name
  throw new LangrunError('unsupported', `cannot install on ${node}`, { cause: 'langrun knows x64 and arm64' })
}

function architecture(name: ArchitectureName): Architecture {
  const [qemu, magic, mask] = TABLE[name]
  return { name, qemu, magic: { offset: 0, magic: Buffer.from(magic, 'hex'), mask: Buffer.from(mask, 'hex') } }
}

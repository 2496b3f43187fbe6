/**
 * Registrations on paper: what is to be in the kernel's registry after each boot.
 *
 *     /etc/binfmt.d/langrun-register.conf        the endings of `langrun register`
 *     /etc/binfmt.d/langrun-arch.conf            the emulators of `langrun arch add`
 *     /etc/binfmt.d/langrun-entry-<name>.conf    one of `langrun binfmt add --persist`
 *     /etc/binfmt.d/langrun-bind-<name>.conf     one of `langrun binfmt bind`
 *
 * in the format of binfmt.d(5) on every host, whoever reads it at boot (`persist.ts`): one place, one format.
 */

import { readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ensureFolder, readIfThere, replaceFile } from '../base/files.ts'
import { type Definition, encodeDefinition, parseDefinition } from './definition.ts'

export const MAIN_GROUP = 'register'
export const ARCH_GROUP = 'arch'
/** By the precedence of systemd-binfmt(8): a file hides those of the same name further down. */
const FOLDERS = ['etc/binfmt.d', 'run/binfmt.d', 'usr/local/lib/binfmt.d', 'usr/lib/binfmt.d', 'lib/binfmt.d'] as const
/** The database of Debian's update-binfmts(8). */
const SUPPORT_FOLDER = 'var/lib/binfmts'

export interface Written {
  readonly definition: Definition
  /** Absolute on the host. */
  readonly file: string
}

export interface Paper {
  /** The host's root. */
  readonly root: string
  readonly prefix: string
}

/** The group of an entry that stands alone. */
export function groupOf(name: string): string {
  return `entry-${name}`
}

export function paperPath({ root, prefix }: Paper, group: string): string {
  return join(root, FOLDERS[0], `${prefix}${group}.conf`)
}

export function writePaper(paper: Paper, group: string, definitions: readonly Definition[]): void {
  ensureFolder(join(paper.root, FOLDERS[0]))
  const lines = definitions.map((it) => `${encodeDefinition(it)}\n`)
  replaceFile(
    paperPath(paper, group),
    `# Written by langrun. To take it back: langrun unregister, or langrun binfmt remove NAME.\n${lines.join('')}`,
  )
}

export function removePaper(paper: Paper, group: string): void {
  rmSync(paperPath(paper, group), { force: true })
}

/** Which of our files there are. */
export function listGroups({ root, prefix }: Paper): string[] {
  return confFiles(root, FOLDERS[0]).flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length, -'.conf'.length)] : []))
}

/** Everything of ours on paper, in the order in which it is registered at boot. */
export function readPaper(paper: Paper): Written[] {
  return listGroups(paper).flatMap((group) => readFile(paper.root, `/${FOLDERS[0]}/${paper.prefix}${group}.conf`))
}

/** Strike one entry out of our papers. */
export function strike(paper: Paper, name: string): void {
  for (const group of listGroups(paper)) {
    const file = paperPath(paper, group)
    const definitions = readFile('/', file).map(({ definition }) => definition)
    const rest = definitions.filter((it) => it.name !== name)
    if (rest.length === 0) removePaper(paper, group)
    else if (rest.length < definitions.length) writePaper(paper, group, rest)
  }
}

/** Who brings an entry back at each boot: files of any software, the one that wins last. */
export function filesThatName(root: string, name: string): string[] {
  const seen = new Set<string>()
  const files = FOLDERS.flatMap((folder) => confFiles(root, folder).map((file) => `/${folder}/${file}`))
    .filter((file) => !seen.has(basename(file)) && seen.add(basename(file)))
    .sort((a, b) => (basename(a) < basename(b) ? -1 : 1))
    .filter((file) => readFile(root, file).some(({ definition }) => definition.name === name))
  const support = join(SUPPORT_FOLDER, name)
  return readIfThere(join(root, support)) === undefined ? files : [...files, `/${support}`]
}

function readFile(root: string, file: string): Written[] {
  return (readIfThere(join(root, file)) ?? '').split('\n').flatMap((raw) => {
    const line = raw.trim()
    const definition = line === '' || line.startsWith('#') || line.startsWith(';') ? undefined : parseDefinition(line)
    return definition === undefined ? [] : [{ definition, file }]
  })
}

function confFiles(root: string, folder: string): string[] {
  try {
    return readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.conf'))
      .sort()
  } catch {
    return []
  }
}

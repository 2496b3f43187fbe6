/**
 * What persistence added to the host besides its papers, so that it can be taken back to the byte.
 *
 *     /etc/binfmt.d/.langrun-made        hidden, so neither systemd-binfmt nor OpenRC reads it
 *     folder /etc/binfmt.d
 *     file /etc/init.d/langrun
 *     link /etc/rc2.d/S20langrun
 *     lines /etc/fstab
 */

import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ensureFolder, readIfThere, replaceFile } from '../base/files.ts'
import type { Paper } from './paper.ts'

type Kind = 'folder' | 'file' | 'link' | 'lines'

interface Item {
  readonly kind: Kind
  /** Absolute on the host. */
  readonly path: string
}

const BEGIN = '# langrun: begin'
const END = '# langrun: end'
/** Where the line above had no line break, one is added. */
const BROKEN = '# langrun: begin, after a line without an end'

export function makeFolder(paper: Paper, path: string): void {
  if (existsSync(join(paper.root, path))) return
  ensureFolder(join(paper.root, path))
  note(paper, { kind: 'folder', path })
}

/** Write a file of ours; one that is there and not ours stays. */
export function makeFile(paper: Paper, path: string, text: string, mode = 0o644): void {
  const place = join(paper.root, path)
  if (existsSync(place) && !items(paper).some((it) => it.path === path)) return
  note(paper, { kind: 'file', path })
  if (readIfThere(place) !== text) replaceFile(place, text, mode)
}

export function makeLink(paper: Paper, path: string, target: string): void {
  if (existsSync(join(paper.root, path))) return
  note(paper, { kind: 'link', path })
  rmSync(join(paper.root, path), { force: true })
  symlinkSync(target, join(paper.root, path))
}

/** Add lines to a file of the host: before a last `exit 0`, which rc.local ends with, else at its end. */
export function addLines(paper: Paper, path: string, text: string): void {
  const place = join(paper.root, path)
  const old = readFileSync(place, 'utf8')
  if (old.includes(BEGIN)) return
  note(paper, { kind: 'lines', path })
  const exit = /^exit 0[ \t]*\n\s*$/m.exec(old)?.index ?? old.length
  const [above, below] = [old.slice(0, exit), old.slice(exit)]
  const begin = above === '' || above.endsWith('\n') ? BEGIN : `\n${BROKEN}`
  replaceFile(place, `${above}${begin}\n${text}${END}\n${below}`, statSync(place).mode & 0o777)
}

/** Take everything back, the last first. */
export function undoAll(paper: Paper): void {
  for (const { kind, path } of items(paper).reverse()) {
    const place = join(paper.root, path)
    if (kind === 'lines') removeLines(place)
    else if (kind === 'folder') removeIfEmpty(place, ledgerPath(paper))
    else rmSync(place, { force: true })
  }
  rmSync(ledgerPath(paper), { force: true })
}

function removeLines(place: string): void {
  const text = readIfThere(place)
  if (text === undefined) return
  const without = text.replace(new RegExp(`\n${BROKEN}\n[^]*?${END}\n`), '').replace(new RegExp(`^${BEGIN}\n[^]*?${END}\n`, 'm'), '')
  if (without !== text) replaceFile(place, without, statSync(place).mode & 0o777)
}

function removeIfEmpty(place: string, ledger: string): void {
  if (dirname(ledger) === place) rmSync(ledger, { force: true })
  if (existsSync(place) && readdirSync(place).length === 0) rmdirSync(place)
}

function items(paper: Paper): Item[] {
  return (readIfThere(ledgerPath(paper)) ?? '').split('\n').flatMap((line) => {
    const [kind, ...path] = line.split(' ')
    return path.length === 0 ? [] : [{ kind: kind as Kind, path: path.join(' ') }]
  })
}

/** Before the deed: what is noted and not there does no harm when it is taken back. */
function note(paper: Paper, item: Item): void {
  const all = items(paper)
  if (all.some(({ kind, path }) => kind === item.kind && path === item.path)) return
  replaceFile(ledgerPath(paper), [...all, item].map(({ kind, path }) => `${kind} ${path}\n`).join(''))
}

function ledgerPath({ root, prefix }: Paper): string {
  return join(root, 'etc/binfmt.d', `.${prefix}made`)
}

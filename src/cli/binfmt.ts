/** `binfmt add`, `remove`, `list`, `show`, `enable`, `disable`: single entries of the kernel's registry, of any software. */

import { LangrunError } from '../base/error.ts'
import { parseBytes, parseMask, showBytes } from '../binfmt/bytes.ts'
import { type Definition, encodeDefinition, type Match } from '../binfmt/definition.ts'
import { rivalsOf } from '../binfmt/match.ts'
import { filesThatName, groupOf } from '../binfmt/paper.ts'
import { forget, persist } from '../binfmt/persist.ts'
import {
  definitionOf,
  type Entry,
  isMounted,
  listEntries,
  readEntry,
  readEntryText,
  readMechanism,
  register,
  remove,
  setEnabled,
  setMechanism,
} from '../binfmt/registry.ts'
import { mountRegistry } from '../binfmt/system.ts'
import { checkInterpreter, refuseHarm, warnOfCredentials } from '../binfmt/warnings.ts'
import type { Boot } from '../host/boot.ts'
import type { Context } from './context.ts'
import { table } from './output.ts'
import { bootSentence, persistenceOf } from './persistence.ts'

export interface AddOptions {
  readonly extension?: string
  readonly magic?: string
  readonly mask?: string
  readonly offset?: string
  readonly interpreter: string
  readonly flags?: string
  readonly persist?: boolean
  readonly replace?: boolean
  readonly force?: boolean
}

export function addEntry(context: Context, name: string, options: AddOptions): void {
  const { interpreter, flags = '' } = options
  const definition: Definition = { name, match: matchOf(name, options), interpreter, flags }
  const line = encodeDefinition(definition)
  if (options.force !== true) refuseHarm(definition)
  if (name.startsWith(context.settings.prefix)) {
    throw new LangrunError('usage', `cannot register ${name}`, {
      cause: `names that begin with ${context.settings.prefix} are langrun's own`,
      hint: 'choose another name',
    })
  }
  const warnings = [...checkInterpreter(definition), ...warnOfCredentials(definition)]
  mountRegistry()
  const old = readEntry(name)
  if (old !== undefined && options.replace !== true) {
    throw new LangrunError('usage', `cannot register ${name}`, {
      cause: `there is an entry of this name, for ${old.interpreter}`,
      hint: '--replace puts yours in its place: langrun binfmt show shows the old one',
    })
  }
  const boot = registerAndKeep(context, definition, line, options.persist === true)
  const entry = readEntry(name)
  const rivals = entry === undefined ? [] : rivalsOf(entry, listEntries())
  for (const rival of rivals) warnings.push(`${rival.name} takes such files too; ${name} wins, for it was registered later`)
  for (const warning of warnings) context.remark(`warning: ${warning}`)
  const when = boot === undefined ? 'until the next boot (--persist: also after it)' : bootSentence(boot, context, groupOf(name))
  context.answer(
    { name, line, persistent: boot?.registrar ?? false, warnings },
    `${name}: ${sentence(definition.match)} start ${interpreter}\n${when}\n`,
  )
}

/** Persistent first, so that what reads papers into the kernel at once (update-binfmts) does not have the last word. */
function registerAndKeep(context: Context, definition: Definition, line: string, isPersistent: boolean): Boot | undefined {
  const { name } = definition
  const boot = isPersistent ? persist(persistenceOf(context), groupOf(name), [definition]) : undefined
  try {
    register(name, line)
  } catch (error) {
    if (isPersistent) forget(persistenceOf(context), name)
    throw error
  }
  return boot
}

export function removeEntry(context: Context, name: string, { force = false }: { readonly force?: boolean }): void {
  const persistence = persistenceOf(context)
  const files = filesThatName(persistence.root, name)
  const others = files.filter(
    (file) => !file.startsWith(`/etc/binfmt.d/${persistence.prefix}`) && !isOurSupport(files, file, persistence.prefix),
  )
  if (!isThere(name) && files.length === others.length) throw noEntry(name)
  if (others.length > 0 && !force) {
    throw new LangrunError('usage', `cannot remove ${name}`, {
      cause: `other software registered it, and will again at each boot: ${others.join(', ')}`,
      hint: `langrun binfmt disable ${name} switches it off until then; --force removes it all the same`,
    })
  }
  remove(name)
  if (files.length > others.length) forget(persistence, name)
  context.answer({ removed: name, files }, `removed ${name}\n`)
}

/** update-binfmts keeps a record of its own of what we gave it. */
function isOurSupport(files: readonly string[], file: string, prefix: string): boolean {
  return file.startsWith('/var/lib/binfmts/') && files.some((it) => it.startsWith(`/etc/binfmt.d/${prefix}`))
}

export function listAll(context: Context): void {
  const mechanism = readMechanism()
  const entries = listEntries()
  if (mechanism === 'disabled') context.remark('binfmt_misc is switched off: no entry takes any file (sudo langrun binfmt enable)')
  const rows = entries.map((it) => [it.name, it.enabled ? 'on' : 'off', describeMatch(it), it.interpreter, it.flags])
  context.answer({ mechanism, entries }, table(rows))
}

export function showEntry(context: Context, name: string): void {
  const text = readEntryText(name)
  const entry = readEntry(name)
  if (text === undefined || entry === undefined) throw noEntry(name)
  const files = filesThatName(context.settings.hostRoot, name)
  const rivals = rivalsOf(entry, listEntries())
  const all = listEntries()
  const place = (it: Entry): number => all.findIndex((other) => other.name === it.name)
  const wins = rivals.every((rival) => place(rival) > place(entry))
  const line = encodeDefinition(definitionOf(entry))
  const more = [
    `line ${line}`,
    ...files.map((file) => `after a boot from ${file}`),
    ...rivals.map(
      (it) => `also claimed by ${it.name}, registered ${place(it) < place(entry) ? 'later: that one wins' : 'earlier: this one wins'}`,
    ),
  ]
  context.answer({ ...entry, line, files, rivals: rivals.map((it) => it.name), wins }, `${text}${more.map((it) => `${it}\n`).join('')}`)
}

/** @param name undefined: the whole mechanism */
export function switchEntry(context: Context, name: string | undefined, state: 'enabled' | 'disabled'): void {
  if (name === undefined) {
    setMechanism(state)
    const count = listEntries().length
    const text =
      state === 'enabled'
        ? `binfmt_misc is on: its ${count} entries take files\n`
        : `binfmt_misc is off for the whole machine: none of its ${count} entries takes a file, langrun's or others' (sudo langrun binfmt enable)\n`
    context.answer({ mechanism: state, entries: count }, text)
    return
  }
  if (!isThere(name)) throw noEntry(name)
  setEnabled(name, state)
  const until = state === 'disabled' ? ', until the next boot' : ''
  context.answer({ name, enabled: state === 'enabled' }, `${name} is ${state}${until}\n`)
}

function isThere(name: string): boolean {
  return isMounted() && readEntryText(name) !== undefined
}

function noEntry(name: string): LangrunError {
  return new LangrunError('not-found', `cannot find the entry "${name}"`, { hint: 'all entries: langrun binfmt list' })
}

function matchOf(name: string, { extension, magic, mask, offset = '0' }: AddOptions): Match {
  if ((extension === undefined) === (magic === undefined)) {
    throw new LangrunError('usage', `cannot register ${name}`, {
      cause: extension === undefined ? 'nothing says which files it is for' : 'it is for an extension or for a magic, not for both',
      hint: 'give --extension or --magic',
    })
  }
  if (extension !== undefined) {
    if (mask === undefined && offset === '0') return { kind: 'extension', extension: extension.replace(/^\./, '') }
    throw new LangrunError('usage', `cannot register ${name}`, { cause: 'mask and offset belong to a magic, not to an extension' })
  }
  if (!/^\d{1,9}$/.test(offset)) {
    throw new LangrunError('usage', `cannot register ${name}`, {
      cause: `"${offset}" is no offset`,
      hint: 'give a number of bytes, 0 or more',
    })
  }
  return { kind: 'magic', offset: Number(offset), magic: parseBytes(magic ?? ''), mask: mask === undefined ? undefined : parseMask(mask) }
}

export function sentence(match: Match): string {
  if (match.kind === 'magic') {
    const at = match.offset === 0 ? 'that begin with' : `that have at byte ${match.offset}`
    return `files ${at} ${showBytes(match.magic)}${match.mask === undefined ? '' : ', under its mask,'}`
  }
  const { extension } = match
  const swapped = extension === extension.toLowerCase() ? extension.toUpperCase() : extension.toLowerCase()
  return `files that end in .${extension}${swapped === extension ? '' : ` (case matters: not .${swapped})`}`
}

export function describeMatch({ extension, offset = 0, magic = '', mask }: Entry): string {
  if (extension !== undefined) return `.${extension}`
  return `${magic}${mask === undefined ? '' : `/${mask}`}${offset === 0 ? '' : `@${offset}`}`
}

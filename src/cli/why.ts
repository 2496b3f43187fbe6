/** `why FILE`: what would run a file, by which rule, and what it would see. Nothing is run. */

import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import { matchingEntries } from '../binfmt/match.ts'
import { type Entry, isMounted, listEntries, readMechanism } from '../binfmt/registry.ts'
import { readHead } from '../binfmt/warnings.ts'
import { isExecutable, type Native, nativeFormat } from '../host/executable.ts'
import { interpreterPlan, planPath } from '../plan/publish.ts'
import type { Runnable } from '../run/runnable.ts'
import { type Choice, chooseLanguage, showScript } from '../run/script-plan.ts'
import { readImage } from '../store/store.ts'
import { describeMatch } from './binfmt.ts'
import { type Context, claims, findInstalled, languageNamed, stores } from './context.ts'
import { versionOf } from './list.ts'
import { table } from './output.ts'
import { type Sight, sightOf } from './sight.ts'

interface Answer {
  readonly file: string
  readonly executable: boolean
  /** What decides. */
  readonly by: 'extension' | 'magic' | 'shebang' | 'elf' | 'none'
  /** The entry of the kernel's registry that takes the file. */
  readonly entry: string | null
  /** Entries that match as well, and are asked later. */
  readonly others: readonly string[]
  /** What the kernel starts, or langrun's runner hands the file to. */
  readonly interpreter: string | null
  readonly language: LanguageAnswer | null
  readonly note: string | null
}

interface LanguageAnswer {
  readonly name: string
  readonly chosen: Choice['by'] | 'binding'
  readonly installed: boolean
  readonly version: string | null
  readonly image: string | null
  readonly store: string | null
  readonly profile: string
  readonly plan: string | null
  readonly sees: Sight | null
}

export function why(context: Context, file: string): void {
  const info = statSync(file, { throwIfNoEntry: false })
  if (info === undefined) throw new LangrunError('not-found', `cannot look at ${file}`, { cause: 'there is no such file' })
  if (!info.isFile())
    throw new LangrunError('usage', `cannot look at ${file}`, { cause: 'it is not a regular file: the kernel runs no other' })
  const answer = explain(context, file, info.size)
  context.answer(answer, table(lines(answer)))
}

function explain(context: Context, file: string, size: number): Answer {
  const head = readHead(file)
  const native = nativeFormat(head, context.settings.environment['PATH'] ?? '', process.arch)
  const on = isMounted() && readMechanism() === 'enabled'
  const [winner, ...others] = on ? matchingEntries(listEntries(), { path: join(dirname(file), basename(file)), head }) : []
  const common = { file, executable: isExecutable(file), others: others.map(({ name }) => name) }
  if (winner === undefined)
    return { ...common, ...withoutEntry(native, head.subarray(0, Math.min(size, SAMPLE))), entry: null, language: null }
  const by = winner.extension === undefined ? 'magic' : 'extension'
  const name = languageOfRunner(context, winner)
  if (name === undefined) {
    const note =
      existsSync(winner.interpreter) || winner.flags.includes('F') ? null : `it does not start: ${winner.interpreter} is not there`
    return { ...common, by, entry: winner.name, interpreter: winner.interpreter, language: null, note }
  }
  if (native.kind === 'shebang' && native.exists) {
    const note = `${winner.name} matches, and langrun's runner hands the file to the interpreter that its first line names`
    return { ...common, by: 'shebang', entry: winner.name, interpreter: native.interpreter, language: null, note }
  }
  if (native.kind === 'elf' && native.native) {
    const note = `${winner.name} matches, and langrun's runner lets the kernel run the program itself`
    return { ...common, by: 'elf', entry: winner.name, interpreter: null, language: null, note }
  }
  const language = explainLanguage(context, file, name, winner.interpreter.endsWith(',bound'))
  const note = language.installed ? null : `${language.name} is not installed: langrun install ${language.name}`
  return { ...common, by, entry: winner.name, interpreter: winner.interpreter, language, note }
}

/** Bytes in which bash looks for a NUL before the first line's end, after ENOEXEC (check_binary_file in general.c). */
const SAMPLE = 80

/** As execve(2) and then a shell would do. */
function withoutEntry(native: Native, start: Buffer): Pick<Answer, 'by' | 'interpreter' | 'note'> {
  switch (native.kind) {
    case 'shebang': {
      const note = native.exists
        ? null
        : `it does not start: ${native.interpreter}${native.argument === undefined ? '' : ` ${native.argument}`} is not there`
      return { by: 'shebang', interpreter: native.interpreter, note }
    }
    case 'elf': {
      const note = `it does not start: it is a program for another machine (ELF machine ${native.machine}): langrun arch add`
      return { by: 'elf', interpreter: null, note: native.native ? null : note }
    }
    case 'none': {
      const end = start.indexOf(0x0a)
      const isText = !start.subarray(0, end === -1 ? undefined : end).includes(0)
      const note = isText
        ? 'no rule matches: the kernel refuses it, and a shell runs it as a shell script, which it may not be'
        : 'no rule matches: the kernel refuses it (Exec format error)'
      return { by: 'none', interpreter: isText ? '/bin/sh' : null, note }
    }
  }
}

/** Whose runner an entry starts, if it is one of ours. */
function languageOfRunner(context: Context, { interpreter }: Entry): string | undefined {
  const folders = [...stores(context), context.settings.systemStore].map(({ path }) => join(path, 'runners'))
  return folders.includes(dirname(interpreter)) ? basename(interpreter).replace(/,bound$/, '') : undefined
}

function explainLanguage(context: Context, file: string, runner: string, isBound: boolean): LanguageAnswer {
  const { profile } = context.settings
  const extension = file.slice(file.lastIndexOf('.') + 1)
  const claimed = isBound ? undefined : claims(context, extension)
  const choice = claimed === undefined ? undefined : chooseLanguage(file, claimed.runnables)
  const runnable = choice?.runnable ?? findInstalled(context, languageNamed(context, runner))
  const chosen = isBound ? 'binding' : (choice?.by ?? 'default')
  if (runnable === undefined) {
    return { name: runner, chosen, installed: false, version: null, image: null, store: null, profile, plan: null, sees: null }
  }
  return { chosen, profile, ...describeRunnable(context, runnable, file, profile) }
}

function describeRunnable(context: Context, runnable: Runnable, file: string, profile: string) {
  const { language, store, image } = runnable
  // Nothing is compiled here: what a compiled script sees does not depend on what it was compiled to.
  const command = language.compile === undefined ? language.command : ['/bin/sh']
  return {
    name: language.name,
    installed: true,
    version: versionOf(context, language, readImage(store, image, language.name)),
    image,
    store: store.path,
    plan: planPath(store, language.name, profile),
    sees: sightOf(showScript(interpreterPlan(store, language, image, command), runnable, file)),
  }
}

function lines({ file, executable, by, entry, others, interpreter, language, note }: Answer): string[][] {
  const rule = {
    extension: 'its ending',
    magic: 'its first bytes',
    shebang: 'its first line (#!)',
    elf: 'a program (ELF)',
    none: 'nothing',
  }[by]
  const found = entry === null ? undefined : listEntries().find(({ name }) => name === entry)
  return [
    ['file', file],
    ...(executable ? [] : [['', `it is not executable yet: chmod +x ${file}`]]),
    ['decided by', rule],
    ...(found === undefined ? [] : [['entry', `${found.name} (${describeMatch(found)})`]]),
    ...others.map((other) => ['', `${other} matches too, but was registered earlier: the last one wins`]),
    ...(language === null && interpreter !== null ? [['started by', interpreter]] : []),
    ...(language === null ? [] : languageLines(language)),
    ...(note === null ? [] : [['note', note]]),
  ]
}

function languageLines({ name, chosen, version, image, store, profile, plan, sees }: LanguageAnswer): string[][] {
  const reason = {
    folder: ', as langrun.toml says',
    content: ', going by its content',
    default: '',
    binding: ', bound to its first bytes',
  }[chosen]
  return [
    ['language', `${name}${version === null ? '' : ` ${version}`}${reason}`],
    ['profile', profile],
    ...(image === null ? [] : [['image', `${image} in ${store}`]]),
    ...(plan === null ? [] : [['plan', plan]]),
    ...(sees === null
      ? []
      : [
          ['reads, writes', sees.readWrite.join(' ')],
          ...(sees.readOnly.length === 0 ? [] : [['reads', sees.readOnly.join(' ')]]),
          ['of its image', sees.image.join(' ')],
          ['network', sees.network === 'host' ? "the host's" : 'none'],
        ]),
  ]
}

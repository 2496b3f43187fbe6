/**
 * Recipes: what a TOML file in `runners/` or `images/` says, checked once and then trusted.
 *
 *     # runners/clisp.toml
 *     title = "GNU CLISP"
 *     extensions = ["lisp", "lsp"]
 *     image = "clisp"
 *     command = ["clisp", "-q", "-norc", "{script}", "{args}"]
 *
 *     # images/clisp.toml
 *     packages = ["clisp"]
 */

import { parse as parseToml, TomlError } from 'smol-toml'
import { LangrunError } from '../base/error.ts'

/** Stands for the script's path in a command. */
export const SCRIPT = '{script}'
/** Stands for the caller's arguments, as many as there are. */
export const ARGUMENTS = '{args}'
/** In the command of a compiled language: the folder with what the compiler made. */
export const OUTPUT = '{output}'

export interface Language {
  readonly name: string
  readonly title: string
  /** The file-name endings that it runs unless the user chose another language for them; without the dot, case as written. */
  readonly extensions: readonly string[]
  /** Endings that it can run but leaves to another language unless the user says so (`langrun default`). */
  readonly also: readonly string[]
  /** Bytes, in hexadecimal, that every file of this format begins with and no other file does: it needs no ending then. */
  readonly magic?: string | undefined
  readonly aliases: readonly string[]
  /** The name of a recipe in `images/`. */
  readonly image: string
  /** The program and its arguments, among them SCRIPT and ARGUMENTS; of a compiled language OUTPUT instead of SCRIPT. */
  readonly command: readonly string[]
  /**
   * A shell command that compiles $SCRIPT into the folder $OUTPUT, run once for each script. If it leaves $OUTPUT/inputs.d, a rule as
   * make(1) reads it, the files that it names are what the program was made from.
   */
  readonly compile: string | undefined
  /** The interactive interpreter, where there is one. */
  readonly repl: readonly string[] | undefined
  readonly environment: Readonly<Record<string, string>>
  readonly homepage: string | undefined
  /** What this language cannot do as others can, in a sentence. */
  readonly note: string | undefined
  readonly examples: readonly Example[]
  /** Debian's name of a foreign architecture whose image this is: never a recipe's own, only of what was installed so. */
  readonly architecture?: string | undefined
}

/** A script with what it must print: run by the tests and by quickstart. */
export interface Example {
  readonly name: string
  readonly file: string
  /** Its content: `script`, or of a binary format `base64`. */
  readonly script: string | Uint8Array
  readonly args: readonly string[]
  readonly stdin: string
  readonly stdout: string
  readonly status: number
}

export interface ImageRecipe {
  readonly name: string
  /** The Debian suite whose packages these are. */
  readonly suite: string
  /** Package names, each optionally with `=version`. */
  readonly packages: readonly string[]
  /** Packages that the closure is to leave out although something depends on them. */
  readonly without: readonly string[]
  /** A shell command for the configured root, run as its root without a network: what Debian's own scripts leave to an administrator. */
  readonly setup: string | undefined
}

/** @param file where the text is from, for messages. @throws LangrunError `usage` with the file, the line or the field. */
export function parseLanguage(name: string, text: string, file: string): Language {
  const fields = new Fields(text, file)
  const language: Language = {
    name: checkedName(name, file),
    title: fields.string('title') ?? name,
    extensions: fields.strings('extensions').map((extension) => fields.extension(extension)),
    also: fields.strings('also').map((extension) => fields.extension(extension)),
    ...(fields.has('magic') && { magic: fields.magic('magic') }),
    aliases: fields.strings('aliases'),
    image: fields.string('image') ?? name,
    command: fields.strings('command'),
    compile: fields.string('compile'),
    repl: fields.has('repl') ? fields.strings('repl') : undefined,
    environment: fields.table('environment'),
    homepage: fields.string('homepage'),
    note: fields.string('note'),
    examples: fields.tables('examples').map((example, index) => parseExample(example, index, name)),
  }
  fields.end()
  if (language.command.length === 0) throw fields.wrong('command', 'it must name a program')
  if (language.command[0] === SCRIPT) throw fields.wrong('command', `it must begin with a program, not with ${SCRIPT}`)
  if (language.compile === undefined && !language.command.includes(SCRIPT)) {
    throw fields.wrong('command', `it must say where the script goes: ${SCRIPT}`)
  }
  if (language.compile !== undefined && !language.command.some((word) => word.includes(OUTPUT))) {
    throw fields.wrong('command', `it must say what to run of what was compiled: ${OUTPUT}/program`)
  }
  return language
}

/** As parseLanguage, for a file of `images/`. */
export function parseImage(name: string, text: string, file: string): ImageRecipe {
  const fields = new Fields(text, file)
  const image: ImageRecipe = {
    name: checkedName(name, file),
    suite: fields.string('suite') ?? 'trixie',
    packages: fields.strings('packages'),
    without: fields.strings('without'),
    setup: fields.string('setup'),
  }
  fields.end()
  if (image.packages.length === 0) throw fields.wrong('packages', 'it must name at least one package')
  return image
}

function parseExample(fields: Fields, index: number, language: string): Example {
  const example: Example = {
    name: fields.string('name') ?? `example ${index + 1}`,
    file: fields.string('file') ?? '',
    script: fields.has('base64') ? Buffer.from(fields.string('base64') ?? '', 'base64') : (fields.string('script') ?? ''),
    args: fields.strings('args'),
    stdin: fields.string('stdin') ?? '',
    stdout: fields.string('stdout') ?? '',
    status: fields.integer('status') ?? 0,
  }
  fields.end()
  if (example.file === '' || example.script.length === 0)
    throw fields.wrong('script', `an example of ${language} needs a file, and script or base64`)
  return example
}

function checkedName(name: string, file: string): string {
  if (/^[a-z0-9][a-z0-9+.-]{0,62}$/.test(name)) return name
  throw new LangrunError('usage', `cannot use the recipe ${file}`, { cause: `"${name}" is no name: lower-case letters, digits, + - .` })
}

/** One TOML table, each of whose fields is asked for once; what nobody asked for is a mistake. */
class Fields {
  readonly #values: Record<string, unknown>
  readonly #file: string
  readonly #path: string

  constructor(source: string | Record<string, unknown>, file: string, path = '') {
    this.#values = typeof source === 'string' ? parse(source, file) : { ...source }
    this.#file = file
    this.#path = path
  }

  has(name: string): boolean {
    return name in this.#values
  }

  string(name: string): string | undefined {
    const value = this.#take(name)
    if (value === undefined || typeof value === 'string') return value
    throw this.wrong(name, 'it must be a string')
  }

  integer(name: string): number | undefined {
    const value = this.#take(name)
    if (value === undefined || (typeof value === 'number' && Number.isInteger(value))) return value
    throw this.wrong(name, 'it must be a whole number')
  }

  strings(name: string): string[] {
    const value = this.#take(name) ?? []
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
    throw this.wrong(name, 'it must be a list of strings')
  }

  table(name: string): Record<string, string> {
    const value = this.#take(name) ?? {}
    if (isTable(value) && Object.values(value).every((item) => typeof item === 'string')) return value as Record<string, string>
    throw this.wrong(name, 'it must be a table of strings')
  }

  tables(name: string): Fields[] {
    const value = this.#take(name) ?? []
    if (Array.isArray(value) && value.every(isTable)) return value.map((item, index) => new Fields(item, this.#file, `${name}[${index}].`))
    throw this.wrong(name, 'it must be a list of tables')
  }

  magic(name: string): string {
    const value = this.string(name) ?? ''
    // Fewer bytes than four are shared by too much.
    if (/^([0-9a-f]{2}){4,128}$/.test(value)) return value
    throw this.wrong(name, 'it must be four bytes or more, in hexadecimal: "0061736d"')
  }

  extension(text: string): string {
    if (/^[^/.:\0\s]{1,32}$/.test(text)) return text
    throw this.wrong('extensions', `"${text}" is no file-name ending: write it without the dot, and without / : or blanks`)
  }

  /** @throws for the fields that nobody asked for. */
  end(): void {
    for (const name of Object.keys(this.#values)) throw this.wrong(name, 'there is no such field')
  }

  wrong(name: string, why: string): LangrunError {
    return new LangrunError('usage', `cannot use the recipe ${this.#file}`, { cause: `${this.#path}${name}: ${why}` })
  }

  #take(name: string): unknown {
    const value = this.#values[name]
    delete this.#values[name]
    return value
  }
}

function parse(text: string, file: string): Record<string, unknown> {
  try {
    return { ...parseToml(text) }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    throw new LangrunError('usage', `cannot read ${file}, line ${error.line}, column ${error.column}`, { cause: error })
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

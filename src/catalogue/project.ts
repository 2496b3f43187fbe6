/**
 * A folder's own settings, for everything below it:
 *
 *     # langrun.toml
 *     languages = ["sbcl", "python"]     what `langrun shell` offers here
 *
 *     [extensions]
 *     lisp = "sbcl"                      who runs an ending that several languages can
 */

import { parse as parseToml } from 'smol-toml'
import { LangrunError } from '../base/error.ts'

export const PROJECT_FILE = 'langrun.toml'

export interface Project {
  readonly languages: readonly string[] | undefined
  /** Without the dot → language. */
  readonly extensions: Readonly<Record<string, string>>
}

/** @throws LangrunError `usage` with the file and what is wrong in it. */
export function parseProject(text: string, path: string): Project {
  let values: Record<string, unknown>
  try {
    values = { ...parseToml(text) }
  } catch (error) {
    throw new LangrunError('usage', `cannot read ${path}`, { cause: error })
  }
  const wrong = (why: string): LangrunError => new LangrunError('usage', `cannot use ${path}`, { cause: why })
  const { languages, extensions = {}, ...others } = values
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw wrong(`${unknown}: there is no such setting`)
  if (languages !== undefined && !(Array.isArray(languages) && languages.every((name) => typeof name === 'string'))) {
    throw wrong('languages: it must be a list of names')
  }
  if (typeof extensions !== 'object' || extensions === null || !Object.values(extensions).every((name) => typeof name === 'string')) {
    throw wrong('extensions: it must be a table of names of languages')
  }
  const withoutDots = Object.entries(extensions as Record<string, string>).map(([ending, name]) => [ending.replace(/^\./, ''), name])
  return { languages, extensions: Object.fromEntries(withoutDots) }
}

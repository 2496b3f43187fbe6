/** The first use of a language that is not installed: ask, install, go on; or say what to type. */

import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import type { Language } from '../catalogue/recipe.ts'
import type { Runnable } from '../run/runnable.ts'
import { type Context, findInstalled, notInstalled } from './context.ts'
import { installInto } from './install.ts'

/**
 * Install `language` for this user if they want it so: on a terminal they are asked, elsewhere their configuration decides.
 *
 * @param what what cannot be done without it, as for an error
 * @throws LangrunError `not-installed` with the command to type
 */
export async function installOnFirstUse(context: Context, language: Language, what: string): Promise<Runnable> {
  const { firstUse } = context.settings.config
  const isDialogue = process.stdin.isTTY === true && process.stderr.isTTY === true
  const isWanted =
    firstUse === 'always' || (firstUse === 'ask' && isDialogue && ask(`${language.name} is not installed. Install it now? [Y/n] `))
  if (!isWanted) throw notInstalled(language, what)
  process.umask(0o022)
  await installInto(context, context.settings.userStore, [language], { unlessThere: true })
  const installed = findInstalled(context, language)
  if (installed === undefined) throw notInstalled(language, what)
  return installed
}

/** The terminal itself is asked: stdin and stdout are the script's. */
function ask(question: string): boolean {
  const terminal = openSync('/dev/tty', 'r+')
  try {
    writeSync(terminal, question)
    const answer = Buffer.alloc(256)
    const size = readSync(terminal, answer)
    // End of file (Ctrl-D) is no consent.
    return size > 0 && !/^\s*n/i.test(answer.toString('utf8', 0, size))
  } finally {
    closeSync(terminal)
  }
}

/** `binfmt bind`: a language for files that begin with a magic, whatever their names: `#5318008` for Python without an ending. */

import { LangrunError } from '../base/error.ts'
import { parseBytes, showBytes } from '../binfmt/bytes.ts'
import { type Definition, encodeDefinition } from '../binfmt/definition.ts'
import { persist } from '../binfmt/persist.ts'
import { registerLines } from '../binfmt/system.ts'
import { refuseHarm } from '../binfmt/warnings.ts'
import { RUNNER_FLAGS } from '../catalogue/magic.ts'
import { boundRunnerPath, publishRunner } from '../plan/publish.ts'
import { type Context, languageNamed } from './context.ts'
import { bootSentence, persistenceOf, requireRoot } from './persistence.ts'
import { prepareStore } from './tools.ts'

export interface BindOptions {
  readonly magic: string
  /** false: until the next boot alone. */
  readonly persist?: boolean
}

export function bind(context: Context, languageName: string, { magic: text, ...options }: BindOptions): void {
  requireRoot(context, 'binfmt bind', 'bind a language for the whole machine')
  const { settings } = context
  const language = languageNamed(context, languageName)
  const magic = parseBytes(text)
  const store = settings.systemStore
  const name = `${settings.prefix}${language.name}-${magic.toString('hex')}`
  const interpreter = boundRunnerPath(store, language.name)
  const definition: Definition = { name, match: { kind: 'magic', offset: 0, magic }, interpreter, flags: RUNNER_FLAGS }
  const line = encodeDefinition(definition)
  const group = `bind-${language.name}-${magic.toString('hex')}`
  refuseHarm(definition)
  if (text.startsWith('#!')) {
    throw new LangrunError('usage', `cannot bind ${language.name} to "${text}"`, {
      cause: 'what begins with #! names its interpreter itself',
      hint: 'choose a comment of your own: #5318008',
    })
  }
  prepareStore(context, store)
  publishRunner(store, language.name, store.path, 'bound')
  const boot = options.persist === false ? undefined : persist(persistenceOf(context), group, [definition])
  registerLines([{ name, line }])
  const when = boot === undefined ? 'until the next boot' : bootSentence(boot, context, group)
  context.answer(
    { name, line, language: language.name, persistent: boot?.registrar ?? false },
    `${name}: files that begin with ${showBytes(magic)} run with ${language.name}, whatever their names\n${when}\nto take it back: sudo langrun binfmt remove ${name}\n`,
  )
}

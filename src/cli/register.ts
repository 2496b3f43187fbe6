/** `register` and `unregister`: the whole machine's registry, for every user. */

import { LangrunError } from '../base/error.ts'
import { emulatorEntries } from '../binfmt/emulators.ts'
import { registerAll, registerLines, unregisterAll } from '../binfmt/system.ts'
import { allExtensions, claimants, ownerOf } from '../catalogue/catalogue.ts'
import { publishRunner, runnerPath } from '../plan/publish.ts'
import type { Context } from './context.ts'
import { prepareStore } from './tools.ts'

export function register(context: Context): void {
  const { settings, catalogue } = context
  requireRoot(context, 'register')
  const store = settings.systemStore
  prepareStore(context, store)
  const runners = new Map<string, string>()
  for (const extension of allExtensions(catalogue)) {
    const language = ownerOf(catalogue, extension) ?? claimants(catalogue, extension)[0]
    if (language === undefined) continue
    if (!runners.has(extension)) publishRunner(store, language.name, store.path)
    runners.set(extension, runnerPath(store, language.name))
  }
  const emulators = emulatorEntries([store], settings.prefix)
  const names = registerAll({ prefix: settings.prefix, runners })
  registerLines(emulators)
  context.answer(
    { registered: [...names, ...emulators.map(({ name }) => name)] },
    `registered ${names.length} endings for every user: ${[...runners.keys()].map((it) => `.${it}`).join(' ')}\n`,
  )
}

export function unregister(context: Context): void {
  requireRoot(context, 'unregister')
  const names = unregisterAll(context.settings.prefix)
  context.answer({ unregistered: names }, `unregistered ${names.length} endings\n`)
}

function requireRoot({ settings }: Context, command: string): void {
  if (settings.isRoot) return
  throw new LangrunError('permission', `cannot ${command} for the whole machine`, {
    cause: 'you are not root',
    hint: `sudo langrun ${command}; without root, languages run in: langrun shell`,
  })
}

/** `register` and `unregister`: the whole machine's registry, for every user, now and after each boot. */

import { type Definition, encodeDefinition, parseDefinition } from '../binfmt/definition.ts'
import { emulatorEntries } from '../binfmt/emulators.ts'
import { ARCH_GROUP, MAIN_GROUP, readPaper } from '../binfmt/paper.ts'
import { addHealer, forget, forgetGroup, HEAL_EVERY, persist } from '../binfmt/persist.ts'
import { remove } from '../binfmt/registry.ts'
import { heal, LOOK_EVERY, mountRegistry, registerLines, unregisterAll, watchRegistry } from '../binfmt/system.ts'
import { allExtensions, claimants, ownerOf } from '../catalogue/catalogue.ts'
import { RUNNER_FLAGS } from '../catalogue/magic.ts'
import { publishRunner, runnerPath } from '../plan/publish.ts'
import type { Context } from './context.ts'
import { bootSentence, persistenceOf, requireRoot } from './persistence.ts'
import { prepareStore } from './tools.ts'

export interface RegisterOptions {
  /** false: until the next boot alone. */
  readonly persist?: boolean
  readonly heal?: boolean
  readonly keep?: boolean
  readonly watch?: boolean
}

export async function register(context: Context, options: RegisterOptions): Promise<void> {
  requireRoot(context, 'register')
  if (options.watch === true) return watchForever(context)
  if (options.heal === true) return healOnce(context)
  const { prefix } = context.settings
  const definitions = endings(context)
  const emulators = emulatorEntries([context.settings.systemStore], prefix).flatMap(({ line }) => parseDefinition(line) ?? [])
  const all = [...definitions, ...emulators]
  mountRegistry()
  const persistence = persistenceOf(context)
  const old = readPaper(persistence).filter(({ file }) => file.endsWith(`/${prefix}${MAIN_GROUP}.conf`))
  const boot = options.persist === false ? undefined : persist(persistence, MAIN_GROUP, definitions)
  if (boot !== undefined && emulators.length > 0) persist(persistence, ARCH_GROUP, emulators)
  const healer = options.keep === true ? addHealer(persistence) : undefined
  for (const { definition } of old) if (!all.some(({ name }) => name === definition.name)) remove(definition.name)
  registerLines(all.map((it) => ({ name: it.name, line: encodeDefinition(it) })))
  const names = all.map(({ name }) => name)
  const list = definitions.flatMap(({ match }) => (match.kind === 'extension' ? [`.${match.extension}`] : []))
  const sentences = [
    `registered ${list.length} endings for every user: ${list.join(' ')}`,
    boot === undefined ? 'until the next boot' : bootSentence(boot, context),
    ...(healer === undefined ? [] : [healerSentence(healer)]),
  ]
  context.answer(
    { registered: names, persistent: boot?.registrar ?? false, healer: healer ?? null },
    sentences.map((it) => `${it}\n`).join(''),
  )
}

export function unregister(context: Context): void {
  requireRoot(context, 'unregister')
  const persistence = persistenceOf(context)
  const names = unregisterAll(context.settings.prefix)
  // Bindings to a magic and emulators are ours as well; what `binfmt add --persist` keeps has names of the user's own, and stays.
  const bound = readPaper(persistence).filter(({ definition }) => definition.name.startsWith(context.settings.prefix))
  for (const { definition } of bound) forget(persistence, definition.name)
  forgetGroup(persistence, MAIN_GROUP)
  context.answer({ unregistered: names }, `unregistered ${names.length} endings\n`)
}

/** The runner of each ending's owner, published. */
function endings({ settings, catalogue, ...context }: Context): Definition[] {
  const store = settings.systemStore
  prepareStore({ settings, catalogue, ...context }, store)
  const published = new Set<string>()
  const byMagic = [...catalogue.languages.values()].flatMap(({ name, magic }) => {
    if (magic === undefined) return []
    publishRunner(store, name, store.path)
    published.add(name)
    const match = { kind: 'magic', offset: 0, magic: Buffer.from(magic, 'hex') } as const
    return [{ name: `${settings.prefix}magic-${name}`, match, interpreter: runnerPath(store, name), flags: RUNNER_FLAGS }]
  })
  const byEnding = allExtensions(catalogue).flatMap((extension) => {
    const language = ownerOf(catalogue, extension) ?? claimants(catalogue, extension)[0]
    if (language === undefined) return []
    if (!published.has(language.name)) publishRunner(store, language.name, store.path)
    published.add(language.name)
    const interpreter = runnerPath(store, language.name)
    return [{ name: `${settings.prefix}${extension}`, match: { kind: 'extension', extension }, interpreter, flags: RUNNER_FLAGS } as const]
  })
  // The last one registered wins: an ending says more than a magic.
  return [...byMagic, ...byEnding]
}

function healOnce(context: Context): void {
  const names = heal(persistenceOf(context))
  context.answer({ healed: names }, names.length === 0 ? 'nothing was missing\n' : `registered again: ${names.join(' ')}\n`)
}

async function watchForever(context: Context): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  context.remark(`watching the kernel's registry; what other software removes comes back at once, or in ${LOOK_EVERY / 1000} seconds`)
  await watchRegistry(persistenceOf(context), stop.signal, (result) => {
    if (Array.isArray(result)) context.answer({ healed: result }, `registered again: ${result.join(' ')}\n`)
    else context.remark(`${result.message}: ${String(result.cause)}`)
  })
}

function healerSentence(healer: ReturnType<typeof addHealer>): string {
  if (healer === 'nothing') return 'this host has neither systemd nor /etc/cron.d: keep "langrun register --watch" running instead'
  return `every ${HEAL_EVERY} seconds ${healer === 'timer' ? 'a timer' : 'cron'} brings back what other software removed`
}

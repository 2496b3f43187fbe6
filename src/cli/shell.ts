/** `shell`: the rootless way. */

import { basename, isAbsolute, join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import { emulatorEntries } from '../binfmt/emulators.ts'
import { extensionLine, magicLine } from '../binfmt/registry.ts'
import { allExtensions, claimants } from '../catalogue/catalogue.ts'
import { isExecutable } from '../host/executable.ts'
import { readKernel } from '../host/kernel.ts'
import { extensionClaims, launcherPath, publishRunner, runnerPath } from '../plan/publish.ts'
import { become } from '../run/launch.ts'
import { findProject } from '../run/project.ts'
import { shellPlan } from '../run/shell.ts'
import { allInstalled, type Context, languageNamed, stores } from './context.ts'
import { prepareStore } from './tools.ts'

/** @param words a program and its arguments, instead of the user's shell */
export function shell(context: Context, words: readonly string[]): never {
  const { settings } = context
  const [wanted = settings.environment['SHELL'] ?? '/bin/sh', ...args] = words
  prepareStore(context, settings.userStore)
  const steps = shellPlan({
    kernel: readKernel(),
    lines: [
      ...magicLines(context),
      ...[...runners(context)].map(([extension, runner]) => extensionLine(`${settings.prefix}${extension}`, extension, runner)),
      ...emulatorEntries(stores(context), settings.prefix).map(({ line }) => line),
    ],
    program: findOnHost(wanted, settings.environment['PATH'] ?? ''),
    name: words.length === 0 ? basename(wanted) : wanted,
  })
  const launcher = launcherPath(settings.userStore)
  become({ launcher, cache: settings.cache, environment: settings.environment }, steps, ['', ...args])
}

/**
 * What makes every login shell a langrun shell. The login shell waits outside: if langrun cannot start one, it is there to go on with,
 * and nobody is locked out.
 */
export const HOOK = `# langrun: dot-slash in every login shell. At the end of ~/.profile, ~/.bash_profile or ~/.zprofile.
if [ -z "\${LANGRUN_SHELL-}" ] && [ -t 0 ] && langrun shell -- true 2>/dev/null; then
  langrun shell
  exit
fi
`

/**
 * A runner for each ending: of the whole catalogue, so that what is installed later is there at once, or of the languages that the folder's
 * langrun.toml names. They are in the user's own store; the system's languages are found by them as well.
 */
function runners(context: Context): Map<string, string> {
  const { userStore, systemStore } = context.settings
  const owners = extensionsHere(context)
  for (const language of new Set(owners.values())) publishRunner(userStore, language, systemStore.path)
  return new Map([...owners].map(([extension, language]) => [extension, runnerPath(userStore, language)]))
}

/** By the magic of formats that have one. */
function magicLines({ settings, catalogue }: Context): string[] {
  const { userStore, systemStore, prefix } = settings
  return [...catalogue.languages.values()].flatMap(({ name, magic }) => {
    if (magic === undefined) return []
    publishRunner(userStore, name, systemStore.path)
    return [magicLine(`${prefix}magic-${name}`, { offset: 0, magic: Buffer.from(magic, 'hex') }, runnerPath(userStore, name))]
  })
}

/** extension → language */
function extensionsHere(context: Context): Map<string, string> {
  const { catalogue } = context
  const wanted = findProject(process.cwd())?.project.languages?.map((name) => languageNamed(context, name).name)
  // Each store is read once, not once for every ending; what the first one has for an ending counts.
  const claimed = new Map(
    stores(context)
      .reverse()
      .flatMap((store) => [...extensionClaims(store, catalogue)]),
  )
  const able = (extension: string): string[] => [
    ...(claimed.get(extension) ?? []),
    ...claimants(catalogue, extension).map(({ name }) => name),
  ]
  const extensions = new Set([...allExtensions(catalogue), ...allInstalled(context).flatMap(({ language }) => language.extensions)])
  return new Map(
    [...extensions].flatMap((extension) => {
      const owner = able(extension).find((name) => wanted === undefined || wanted.includes(name))
      return owner === undefined ? [] : [[extension, owner] as const]
    }),
  )
}

/** As execvp(3). @throws LangrunError `not-found` */
function findOnHost(program: string, path: string): string {
  const candidates = program.includes('/') ? [program] : path.split(':').map((folder) => join(folder === '' ? '.' : folder, program))
  const found = candidates.find(isExecutable)
  if (found === undefined)
    throw new LangrunError('not-found', `cannot find the program ${program}`, { cause: 'it is in no folder of PATH' })
  return isAbsolute(found) || found.startsWith('./') || found.startsWith('../') ? found : `./${found}`
}

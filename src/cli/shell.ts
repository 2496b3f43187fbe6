/** `shell`: the rootless way. */

import { accessSync, constants } from 'node:fs'
import { basename, isAbsolute, join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import { readKernel } from '../host/kernel.ts'
import { extensionOwners, launcherPath, publishRunner, runnerPath } from '../plan/publish.ts'
import { become } from '../run/launch.ts'
import { shellPlan } from '../run/shell.ts'
import { type Context, stores } from './context.ts'
import { prepareStore } from './tools.ts'

/** @param words a program and its arguments, instead of the user's shell */
export function shell(context: Context, words: readonly string[]): never {
  const { settings } = context
  const [wanted = settings.environment['SHELL'] ?? '/bin/sh', ...args] = words
  prepareStore(context, settings.userStore)
  const steps = shellPlan({
    kernel: readKernel(),
    prefix: settings.prefix,
    runners: runners(context),
    program: findOnHost(wanted, settings.environment['PATH'] ?? ''),
    name: words.length === 0 ? basename(wanted) : wanted,
  })
  const launcher = launcherPath(settings.userStore)
  become({ launcher, cache: settings.cache, environment: settings.environment }, steps, ['', ...args])
}

/** One runner for each ending of an installed language, from the user's own store: the system's languages are found by it as well. */
function runners(context: Context): Map<string, string> {
  const { userStore, systemStore } = context.settings
  const owners = new Map([...stores(context)].reverse().flatMap((store) => [...extensionOwners(store, context.catalogue)]))
  for (const language of new Set(owners.values())) publishRunner(userStore, language, systemStore.path)
  return new Map([...owners].map(([extension, language]) => [extension, runnerPath(userStore, language)]))
}

/** As execvp(3). @throws LangrunError `not-found` */
function findOnHost(program: string, path: string): string {
  const candidates = program.includes('/') ? [program] : path.split(':').map((folder) => join(folder === '' ? '.' : folder, program))
  const found = candidates.find(isExecutable)
  if (found === undefined)
    throw new LangrunError('not-found', `cannot find the program ${program}`, { cause: 'it is in no folder of PATH' })
  return isAbsolute(found) || found.startsWith('./') || found.startsWith('../') ? found : `./${found}`
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * What makes an installed language startable: its plan, its runner, its shim, and the links by which an extension finds its plan.
 *
 * Each file appears by rename, so that a script that starts at the same moment gets the old or the new one.
 */

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { sha256 } from '../base/digest.ts'
import { linkTarget, replaceFile, replaceLink } from '../base/files.ts'
import { allExtensions, type Catalogue, claimants, withLanguages } from '../catalogue/catalogue.ts'
import { type Language, OUTPUT } from '../catalogue/recipe.ts'
import { type Installed, listInstalled, names, readChoices, rootfsOf, type Store } from '../store/store.ts'
import { emulatorLine } from './emulation.ts'
import { encodePlan, type Step } from './format.ts'
import { homePlan } from './home.ts'
import { makeRunner } from './runner.ts'
import { onFoundSkeleton, onSkeleton } from './skeleton.ts'

/** The profiles that this version can plan; the first is the default. */
export const PROFILES = ['home'] as const
export type Profile = (typeof PROFILES)[number]

export function planPath(store: Store, key: string, profile: string): string {
  return join(store.path, 'plans', `${key}.${profile}`)
}

export function runnerPath(store: Store, language: string): string {
  return join(store.path, 'runners', language)
}

/** The runner of a language that is bound to a magic. No language's name has a comma. */
export function boundRunnerPath(store: Store, language: string): string {
  return join(store.path, 'runners', `${language},bound`)
}

export function launcherPath(store: Store): string {
  return join(store.path, 'bin', 'launcher')
}

/** Write plan, runner and shim of a language whose image is in `store`. @param system the path of the system store, for the runner */
export function publish(store: Store, language: Language, digest: string, system: string): void {
  const steps = languagePlan(store, language, digest)
  for (const profile of PROFILES) replaceFile(planPath(store, language.name, profile), encodePlan(steps))
  publishRunner(store, language.name, system)
  const launcher = readFileSync(launcherPath(store))
  replaceFile(shimPath(store, language), makeRunner(launcher, { language: language.name, system, kind: 'shim' }), 0o755)
}

/** A compiled language has a plan for each script only. */
function languagePlan(store: Store, language: Language, digest: string): Step[] {
  // What a compiler will make lies somewhere on the host.
  const command = language.command.map((word) => word.replaceAll(OUTPUT, '/'))
  const steps = onSkeleton(store, interpreterPlan(store, language, digest, command))
  if (language.compile === undefined) return steps
  return [
    ['language', language.name],
    // Theirs: named here so that it is not collected.
    ...steps.filter(([operation]) => operation === 'skeleton'),
    ['per-script', compiledName(language, digest)],
  ]
}

/** The plan that runs a command of an installed language, its own by default. */
export function interpreterPlan(store: Store, language: Language, digest: string, command = language.command): Step[] {
  const emulator = emulatorLine(store, language.architecture)
  return onFoundSkeleton(store, homePlan({ language, rootfs: rootfsOf(store, digest), command, emulator }))
}

/** What plans of a compiled language's scripts are called in the cache: other compilers and other commands have other names. */
export function compiledName({ name, compile, command }: Language, digest: string): string {
  return `${name.slice(0, 40)}-${sha256(JSON.stringify([digest, compile, command])).slice(0, 16)}`
}

/** Write the runner that the kernel starts; it finds its plan at each start, so it may stand there before its language is installed. */
export function publishRunner(store: Store, language: string, system: string, kind: 'script' | 'bound' = 'script'): void {
  const runner = makeRunner(readFileSync(launcherPath(store)), { language, system, kind })
  const path = kind === 'script' ? runnerPath(store, language) : boundRunnerPath(store, language)
  mkdirSync(dirname(path), { recursive: true })
  if (!existsSync(path) || !readFileSync(path).equals(runner)) replaceFile(path, runner, 0o755)
}

/** Take back what publish wrote. */
export function unpublish(store: Store, language: Language): void {
  for (const profile of PROFILES) rmSync(planPath(store, language.name, profile), { force: true })
  rmSync(runnerPath(store, language.name), { force: true })
  rmSync(shimPath(store, language), { force: true })
}

/**
 * Point every extension at the installed language that runs it. Where several can, each script decides (`run/script-plan.ts`): the
 * extension's plan then sends the launcher to the script's own.
 */
export function linkExtensions(store: Store, catalogue: Catalogue): void {
  const folder = join(store.path, 'plans')
  const wanted = new Map(
    [...extensionClaims(store, catalogue)].flatMap(([extension, able]) =>
      PROFILES.map((profile) => [`.${extension}.${profile}`, { extension, able, profile }]),
    ),
  )
  for (const name of names(folder)) if (name.startsWith('.') && !wanted.has(name)) rmSync(join(folder, name))
  for (const [name, { extension, able, profile }] of wanted) {
    const place = join(folder, name)
    const target = `${able[0]}.${profile}`
    // Written anew each time: the scripts' plans depend on its time, and are made anew with it.
    if (able.length > 1)
      replaceFile(
        place,
        encodePlan([
          ['language', able[0]!],
          ['per-script', scriptPlanName(extension)],
        ]),
      )
    else if (linkTarget(place) !== target) replaceLink(place, target)
  }
}

/** What plans of scripts with this ending are called in the cache. */
export function scriptPlanName(extension: string): string {
  return `ending-${extension}`
}

/** The first of a store's claimants for each extension. */
export function extensionOwners(store: Store, catalogue: Catalogue): Map<string, string> {
  return new Map([...extensionClaims(store, catalogue)].map(([extension, able]) => [extension, able[0]!]))
}

/** extension → the installed languages that can run it: the user's choice first, then the recipe that owns it, then others. */
export function extensionClaims(store: Store, catalogue: Catalogue): Map<string, readonly string[]> {
  const all = listInstalled(store)
  const installed = new Set(all.map(({ name }) => name))
  const emulated = new Set(all.filter(({ recipe }) => recipe['architecture'] !== undefined).map(({ name }) => name))
  const known = withLanguages(catalogue, all.map(recipeOf))
  const choices = readChoices(store)
  const claims = new Map<string, readonly string[]>()
  for (const extension of allExtensions(known)) {
    const chosen = choices[extension]
    const candidates = [...(chosen === undefined ? [] : [chosen]), ...claimants(known, extension).map(({ name }) => name)]
    const able = [...new Set(candidates)].filter((name) => installed.has(name))
    const [first] = able
    if (first === undefined) continue
    // The emulated runs an ending if it is the user's choice, or if there is nobody else.
    const native = able.filter((name) => !emulated.has(name))
    claims.set(extension, first === chosen && emulated.has(first) ? [first] : native.length > 0 ? native : able)
  }
  return claims
}

/** The language as it was when it was installed; its examples are not kept. */
export function recipeOf({ recipe }: Installed): Language {
  return { ...recipe, examples: [] } as unknown as Language
}

function shimPath(store: Store, { command, architecture }: Language): string {
  const name = basename(command[0]!)
  return join(store.path, 'shims', architecture === undefined ? name : `${name}-${architecture}`)
}

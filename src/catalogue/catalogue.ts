/** All languages that this langrun knows, found by name, alias or extension. */

import { LangrunError } from '../base/error.ts'
import { type ImageRecipe, type Language, parseImage, parseLanguage } from './recipe.ts'

export interface Catalogue {
  readonly languages: ReadonlyMap<string, Language>
  readonly images: ReadonlyMap<string, ImageRecipe>
  /** What every image holds besides its own packages. */
  readonly base: ImageRecipe
}

/** The texts of the recipes, by file name without `.toml`. */
export interface RecipeTexts {
  /** Where they are from, for messages; nothing for those inside langrun. */
  readonly folder?: string
  readonly runners: Readonly<Record<string, string>>
  readonly images: Readonly<Record<string, string>>
}

/**
 * Parse recipes; later collections replace recipes of the same name in earlier ones, so that a user's own come last.
 *
 * @throws LangrunError `usage` for a recipe that is wrong, or that names an image that does not exist.
 */
export function parseCatalogue(...collections: readonly RecipeTexts[]): Catalogue {
  const languages = new Map<string, Language>()
  const images = new Map<string, ImageRecipe>()
  const files = new Map<string, string>()
  for (const { folder, runners, images: imageTexts } of collections) {
    const place = folder === undefined ? '' : `${folder}/`
    for (const [name, text] of Object.entries(runners)) {
      files.set(name, `${place}runners/${name}.toml`)
      languages.set(name, parseLanguage(name, text, `${place}runners/${name}.toml`))
    }
    for (const [name, text] of Object.entries(imageTexts)) images.set(name, parseImage(name, text, `${place}images/${name}.toml`))
  }
  const base = images.get('base')
  if (base === undefined) throw new LangrunError('usage', 'cannot read the recipes', { cause: 'images/base.toml is missing' })
  for (const language of languages.values()) {
    if (images.has(language.image)) continue
    const cause = `image: there is no images/${language.image}.toml`
    throw new LangrunError('usage', `cannot use the recipe ${files.get(language.name)}`, { cause })
  }
  checkOwners(languages, files)
  return { languages, images, base }
}

/** @throws LangrunError `not-found` with the nearest names. */
export function findLanguage(catalogue: Catalogue, name: string): Language {
  const wanted = name.toLowerCase()
  const found = catalogue.languages.get(wanted) ?? [...catalogue.languages.values()].find((language) => language.aliases.includes(wanted))
  if (found !== undefined) return found
  const byExtension = ownerOf(catalogue, name.replace(/^\./, ''))
  if (byExtension !== undefined) return byExtension
  const near = nearest(catalogue, wanted)
  const hint = near.length > 0 ? `did you mean ${near.join(', ')}? All names: langrun list --all` : 'all names: langrun list --all'
  throw new LangrunError('not-found', `cannot find a language named "${name}"`, { hint })
}

export function imageOf(catalogue: Catalogue, language: Language): ImageRecipe {
  const image = catalogue.images.get(language.image)
  if (image === undefined) throw new LangrunError('not-found', `cannot find the image ${language.image} of ${language.name}`)
  return image
}

/** The language that runs files with this ending unless the user chose another. */
export function ownerOf(catalogue: Catalogue, extension: string): Language | undefined {
  return [...catalogue.languages.values()].find((language) => language.extensions.includes(extension))
}

/** Every language that can run files with this ending, its owner first. */
export function claimants(catalogue: Catalogue, extension: string): Language[] {
  const all = [...catalogue.languages.values()]
  return [...all.filter((it) => it.extensions.includes(extension)), ...all.filter((it) => it.also.includes(extension))]
}

/** The catalogue, and languages that it does not have. */
export function withLanguages(catalogue: Catalogue, more: readonly Language[]): Catalogue {
  const missing = more.filter(({ name }) => !catalogue.languages.has(name))
  return { ...catalogue, languages: new Map([...catalogue.languages, ...missing.map((it) => [it.name, it] as const)]) }
}

/** All endings of a catalogue, sorted. */
export function allExtensions(catalogue: Catalogue): string[] {
  return [...new Set([...catalogue.languages.values()].flatMap((language) => [...language.extensions, ...language.also]))].sort()
}

/** @param files language → the file that it is from */
function checkOwners(languages: ReadonlyMap<string, Language>, files: ReadonlyMap<string, string>): void {
  const owners = new Map<string, string>()
  for (const { name, extensions } of languages.values()) {
    for (const extension of extensions) {
      const other = owners.get(extension)
      if (other !== undefined) {
        const cause = `extensions: ${other} has .${extension} already; write it under "also" in one of them`
        throw new LangrunError('usage', `cannot use the recipe ${files.get(name)}`, { cause })
      }
      owners.set(extension, name)
    }
  }
}

const NEAR_ENOUGH = 3
/** Every name that begins with a c begins with C. */
const SHORTEST_PART = 3
const MOST_SUGGESTIONS = 4

/** Languages one of whose names is like `wanted`, each by its own name. */
function nearest(catalogue: Catalogue, wanted: string): string[] {
  const distanceTo = (name: string): number => {
    const isPart = Math.min(name.length, wanted.length) >= SHORTEST_PART && (name.startsWith(wanted) || wanted.startsWith(name))
    const distance = isPart ? 1 : editDistance(name, wanted)
    return distance <= Math.min(NEAR_ENOUGH, Math.floor(Math.max(name.length, wanted.length) / 2)) ? distance : Number.POSITIVE_INFINITY
  }
  return [...catalogue.languages.values()]
    .map(({ name, aliases }) => ({ name, distance: Math.min(...[name, ...aliases].map(distanceTo)) }))
    .filter(({ distance }) => Number.isFinite(distance))
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, MOST_SUGGESTIONS)
    .map(({ name }) => name)
}

/** Levenshtein's distance: insertions, deletions and replacements of one character. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}

/** `list` and `info`: what is installed, and what could be. */

import { imageOf } from '../catalogue/catalogue.ts'
import type { Language } from '../catalogue/recipe.ts'
import type { Runnable } from '../run/runnable.ts'
import { type ImageInfo, readImage, rootfsOf } from '../store/store.ts'
import { allInstalled, type Context, findInstalled, languageNamed } from './context.ts'
import { megabytes, table } from './output.ts'

export function list(context: Context, { all }: { readonly all?: boolean }): void {
  if (all) {
    listAll(context)
    return
  }
  const rows = allInstalled(context).map((runnable) => ({
    runnable,
    image: readImage(runnable.store, runnable.image, runnable.language.name),
  }))
  const value = rows.map(({ runnable, image }) => ({
    name: runnable.language.name,
    version: versionOf(context, runnable.language, image),
    extensions: runnable.language.extensions,
    store: runnable.store.kind,
    image: runnable.image,
    size: image.size,
  }))
  if (value.length === 0) context.remark('nothing is installed yet: langrun install NAME; all names: langrun list --all')
  const text = table(
    value.map((row) => [row.name, row.version, row.extensions.map((it) => `.${it}`).join(' '), megabytes(row.size), row.store]),
  )
  context.answer(value, text)
}

function listAll(context: Context): void {
  const installed = new Set(allInstalled(context).map(({ language }) => language.name))
  const languages = [...context.catalogue.languages.values()].sort((a, b) => a.name.localeCompare(b.name))
  const value = languages.map(({ name, title, extensions, aliases }) => ({
    name,
    title,
    extensions,
    aliases,
    installed: installed.has(name),
  }))
  const text = table(
    value.map((row) => [row.name, row.extensions.map((it) => `.${it}`).join(' '), row.title, row.installed ? 'installed' : '']),
  )
  context.answer(value, text)
}

export function info(context: Context, name: string): void {
  const language = languageNamed(context, name)
  const runnable = findInstalled(context, language)
  const common = {
    name: language.name,
    title: language.title,
    aliases: language.aliases,
    extensions: language.extensions,
    also: language.also,
    command: language.command,
    homepage: language.homepage ?? null,
    note: language.note ?? null,
    installed: runnable !== undefined,
  }
  const details = runnable === undefined ? wanted(context, language) : present(context, runnable)
  const value = { ...common, ...details }
  const lines = Object.entries(value).map(([key, item]) => [`${key}:`, show(key, item)])
  context.answer(value, table(lines.filter(([, text]) => text !== '')))
}

function present(context: Context, { language, store, image: digest }: Runnable): Record<string, unknown> {
  const image = readImage(store, digest, language.name)
  return {
    version: versionOf(context, language, image),
    store: store.kind,
    suite: image.suite,
    image: digest,
    rootfs: rootfsOf(store, digest),
    packages: image.packages,
    size: image.size,
    files: image.files,
  }
}

function wanted(context: Context, language: Language): Record<string, unknown> {
  const { suite, packages } = imageOf(context.catalogue, language)
  return { suite, packages: packages.map((name) => ({ name })) }
}

function show(key: string, item: unknown): string {
  if (key === 'size') return megabytes(Number(item))
  if (key === 'packages')
    return (item as { name: string; version?: string }[]).map((it) => [it.name, it.version].filter(Boolean).join('=')).join(' ')
  if (Array.isArray(item)) return item.join(' ')
  if (typeof item === 'boolean') return item ? 'yes' : 'no'
  return item === null ? '' : String(item)
}

/** The version of the package that the recipe names first. */
export function versionOf(context: Context, language: Language, image: ImageInfo): string {
  const main = context.catalogue.images.get(language.image)?.packages[0]?.replace(/[=/].*/, '')
  return image.packages.find(({ name }) => name === main)?.version ?? ''
}

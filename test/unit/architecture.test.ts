/** The rules of ARCHITECTURE.md, held: the ranks, no cycles, one module that talks to the network, one place that reads the process. */

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'

const SRC = join(import.meta.dirname, '../../src')
const files = globSync('**/*.ts', { cwd: SRC }).sort()
const texts = new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]))

/** Without comments, whose examples are no code. */
function codeOf(file: string): string {
  return texts
    .get(file)!
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/(?<=^|\s)\/\/.*$/gm, '')
}

interface Import {
  readonly from: string
  readonly isType: boolean
}

/** The files of ours that a file imports, and the packages and modules by their names. */
function importsOf(file: string): Import[] {
  const found = codeOf(file).matchAll(/^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm)
  return [...found].map(([, type, first, second, third]) => {
    const name = first ?? second ?? third ?? ''
    return { from: name.startsWith('.') ? relative(SRC, join(SRC, dirname(file), name)) : name, isType: type !== undefined }
  })
}

/** folder → rank, as ARCHITECTURE.md's table has it. */
function ranks(): Map<string, number> {
  const text = readFileSync(join(SRC, '../ARCHITECTURE.md'), 'utf8')
  const table = /^## The ranks of `src\/`\n([\s\S]*?)^## /m.exec(text)?.[1] ?? ''
  const rows = [...table.matchAll(/^\| (\d) +\| (.*?) *\|$/gm)]
  // A cell is "`run` the slow path · `build` recipe → …": the name in backquotes begins each part.
  const pairs = rows.flatMap(([, rank, cell = '']) =>
    cell.split(' · ').map((part) => [/^`(\w+)`/.exec(part)?.[1] ?? part, Number(rank)] as const),
  )
  return new Map(pairs)
}

const folderOf = (file: string): string => file.split('/')[0]!

test('the table of ranks names every folder of src, and no other', () => {
  const folders = new Set(files.map(folderOf))
  assert.deepEqual([...ranks().keys()].sort(), [...folders].sort())
})

test('a folder imports from itself and from lower ranks only', () => {
  const rank = ranks()
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter(
        ({ from }) => files.includes(from) && folderOf(from) !== folderOf(file) && rank.get(folderOf(from))! >= rank.get(folderOf(file))!,
      )
      .map(({ from }) => `${file} → ${from}`),
  )
  assert.deepEqual(wrong, [])
})

test('every import of ours names a file that is there', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter(({ from }) => from.endsWith('.ts') && !files.includes(from))
      .map(({ from }) => `${file} → ${from}`),
  )
  assert.deepEqual(wrong, [])
})

test('no file imports itself by way of others', () => {
  const open = new Set<string>()
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (open.has(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file) || open.has(file)) return
    open.add(file)
    for (const { from } of importsOf(file)) if (files.includes(from)) visit(from, [...path, file])
    open.delete(file)
    done.add(file)
  }
  for (const file of files) visit(file, [])
  assert.deepEqual(cycles, [])
})

test('one module talks HTTP', () => {
  const network = /^node:(https?|http2|net|tls|dgram|dns)(\/|$)/
  const calls = (file: string): boolean => /(?<![\w.])fetch\(/.test(codeOf(file)) && !/(const|function) fetch\b/.test(codeOf(file))
  const users = files.filter((file) => importsOf(file).some(({ from }) => network.test(from)) || calls(file))
  assert.deepEqual(users, ['base/http.ts'])
})

/** Where the environment, the arguments and the working folder are read besides cli, each with its reason. */
const READERS: Readonly<Record<string, string>> = {
  'run/launch.ts': 'the working folder is handed on to the process that this one becomes',
  'run/script-plan.ts': 'likewise',
}

test('environment, arguments and working folder are read in cli and handed down', () => {
  const readers = files.filter((file) => folderOf(file) !== 'cli' && /\bprocess\.(env|argv|cwd)\b/.test(codeOf(file)))
  assert.deepEqual(
    readers.filter((file) => READERS[file] === undefined),
    [],
  )
})

test('only langrun itself ends the process, and only its commands write to the terminal', () => {
  const wrong = files.filter(
    (file) => folderOf(file) !== 'cli' && /\bprocess\.(exit\(|exitCode|stdout|stderr)|\bconsole\./.test(codeOf(file)),
  )
  assert.deepEqual(wrong, [])
})

test('packages of others are imported where their job is, and nowhere else', () => {
  const used = new Map<string, Set<string>>()
  for (const file of files) {
    for (const { from } of importsOf(file)) {
      if (from.startsWith('node:') || from.endsWith('.ts')) continue
      used.set(from, new Set([...(used.get(from) ?? []), folderOf(file)]))
    }
  }
  const shown = Object.fromEntries([...used].sort().map(([name, folders]) => [name, [...folders].sort().join()]))
  const { devDependencies } = JSON.parse(readFileSync(join(SRC, '../package.json'), 'utf8'))
  for (const name of Object.keys(shown)) assert.ok(name in devDependencies, `${name} is in package.json`)
  for (const [name, folders] of Object.entries({ commander: 'cli', openpgp: 'debian' })) assert.equal(shown[name], folders)
})

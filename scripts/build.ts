/**
 * Build everything into `dist/`:
 *
 *     dist/launcher-<arch>       the C launcher, for x64 and (with its cross compiler) arm64
 *     dist/npm/langrun.mjs       the bundle for Node 24 or later: what `npm pack` packs
 *     dist/langrun               the same bundle inside Node 26, one self-contained executable
 *
 * `--launcher` stops after the first, `--bundle` after the second.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildOptions, build } from 'esbuild'
import { parseCatalogue } from '../src/catalogue/catalogue.ts'
import type { Assets } from '../src/cli/assets.ts'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

mkdirSync(join(dist, 'npm'), { recursive: true })
const launchers = buildLaunchers()
if (!process.argv.includes('--launcher')) {
  await buildBundle(launchers)
  if (!process.argv.includes('--bundle')) buildExecutable()
}

/** @returns Node's name of an architecture → the launcher in base64 */
function buildLaunchers(): Record<string, string> {
  const compilers = {
    x64: ['x86_64', process.arch === 'x64' ? 'gcc' : 'x86_64-linux-gnu-gcc'],
    arm64: ['aarch64', process.arch === 'arm64' ? 'gcc' : 'aarch64-linux-gnu-gcc'],
  } as const
  const made: Record<string, string> = {}
  for (const [arch, [name, compiler]] of Object.entries(compilers)) {
    if (spawnSync(compiler, ['--version']).error !== undefined) {
      if (arch === process.arch) throw new Error(`cannot build the launcher: ${compiler} is missing; install gcc`)
      process.stderr.write(`no ${compiler}: built without a launcher for ${arch}\n`)
      continue
    }
    const out = join(dist, `launcher-${arch}`)
    execFileSync('sh', [join(root, 'src/launcher/build.sh'), name, out], { stdio: 'inherit', env: { ...process.env, CC: compiler } })
    made[arch] = readFileSync(out).toString('base64')
  }
  return made
}

async function buildBundle(built: Record<string, string>): Promise<void> {
  const options = {
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minify: true,
    legalComments: 'none',
    absWorkingDir: root,
  } as const satisfies BuildOptions
  const worker = await build({ ...options, entryPoints: ['src/debian/unpack-worker.ts'], write: false, format: 'cjs' })
  const assets: Assets = { ...readAssets(), worker: worker.outputFiles[0]!.text, launchers: built }
  parseCatalogue(assets.recipes)
  await build({
    ...options,
    entryPoints: ['src/cli/main.ts'],
    outfile: 'dist/npm/langrun.mjs',
    define: { LANGRUN_ASSETS: JSON.stringify(assets) },
    // Packages in CommonJS call require for Node's own modules.
    banner: {
      js: '#!/usr/bin/env node\nimport { createRequire as langrunRequire } from "node:module"; const require = langrunRequire(import.meta.url);',
    },
  })
  chmodSync(join(dist, 'npm/langrun.mjs'), 0o755)
}

function readAssets(): Omit<Assets, 'worker' | 'launchers'> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const standIns = join(root, 'src/build')
  return {
    version,
    recipes: { runners: texts('runners', '.toml'), images: texts('images', '.toml') },
    keys: Object.values(texts('images/keys', '.asc')),
    standIns: {
      programs: texts('src/build/stand-ins', ''),
      library: readFileSync(join(standIns, 'library.sh'), 'utf8'),
      confmodule: readFileSync(join(standIns, 'confmodule.sh'), 'utf8'),
    },
  }
}

/** The files of a folder, by name without the ending. */
function texts(folder: string, ending: string): Record<string, string> {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith(ending) && statSync(join(root, folder, name)).isFile())
  return Object.fromEntries(
    names.sort().map((name) => [name.slice(0, name.length - ending.length), readFileSync(join(root, folder, name), 'utf8')]),
  )
}

/** https://nodejs.org/api/single-executable-applications.html */
function buildExecutable(): void {
  const node = join(dist, 'node')
  copyFileSync(process.execPath, node)
  chmodSync(node, 0o755)
  // Symbols are a quarter of Node's size. A machine without binutils gets the larger file.
  if (spawnSync('strip', [node]).error !== undefined) process.stderr.write('no strip: dist/langrun will be larger\n')
  const config = join(dist, 'sea.json')
  const settings = {
    main: join(dist, 'npm/langrun.mjs'),
    mainFormat: 'module',
    executable: node,
    output: join(dist, 'langrun.new'),
    disableExperimentalSEAWarning: true,
    // NODE_OPTIONS is meant for the user's own programs.
    execArgvExtension: 'none',
    assets: {},
  }
  writeFileSync(config, JSON.stringify(settings))
  execFileSync(process.execPath, ['--build-sea', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  copyFileSync(join(dist, 'langrun.new'), join(dist, 'langrun.tmp'))
  execFileSync('mv', [join(dist, 'langrun.tmp'), join(dist, 'langrun')])
  chmodSync(join(dist, 'langrun'), 0o755)
  for (const name of ['node', 'sea.json', 'langrun.new']) if (existsSync(join(dist, name))) rmSync(join(dist, name))
}

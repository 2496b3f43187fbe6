/** `doctor`: what this host can do, what is missing, and the command that mends it. */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from '../base/files.ts'
import { missingEntries, ourEntries } from '../binfmt/system.ts'
import { readKernel } from '../host/kernel.ts'
import { encodePlan } from '../plan/format.ts'
import { launcherPath } from '../plan/publish.ts'
import { type Context, stores } from './context.ts'
import { diagnose } from './diagnosis.ts'
import { prepareStore } from './tools.ts'

export function doctor(context: Context): boolean {
  const kernel = readKernel()
  const launcher = prepareStore(context, context.settings.userStore)
  const findings = diagnose({
    kernel,
    launcher,
    refusal: tryNamespaces(context, launcher),
    isContainer: existsSync('/.dockerenv') || existsSync('/run/.containerenv'),
    lost: isInShell(context) ? 0 : missingEntries({ root: context.settings.hostRoot, prefix: context.settings.prefix }).length,
    registered: kernel.binfmt === 'mounted' ? ourEntries(context.settings.prefix).length : 0,
    stores: stores(context).flatMap((store) => (existsSync(launcherPath(store)) ? [store.path] : [])),
  })
  const isWell = findings.every(({ ok }) => ok)
  const text = findings
    .map(({ check, ok, found, remedy }) => `${ok ? 'ok ' : 'NO '} ${check}: ${found}\n${remedy === undefined ? '' : `${indent(remedy)}\n`}`)
    .join('')
  context.answer({ ok: isWell, kernel: kernel.release, findings }, `Linux ${kernel.release}\n${text}`)
  return isWell
}

/** Its registry is its own, and holds what it was opened with. */
function isInShell({ settings }: Context): boolean {
  return settings.environment['LANGRUN_SHELL'] !== undefined
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '      ')
}

/** @returns what the launcher said if it could not make one */
function tryNamespaces(context: Context, launcher: string): string | undefined {
  const plan = join(context.settings.userStore.path, 'tmp', `doctor-${process.pid}`)
  replaceFile(
    plan,
    encodePlan([
      ['language', 'doctor'],
      ['namespace', 'user'],
      ['namespace', 'mount'],
      ['identity', 'same'],
      ['tmpfs', '/proc', ''],
      ['exec', '/bin/true'],
      ['arg', 'true'],
    ]),
  )
  const { status, stderr } = spawnSync(launcher, ['--plan', plan], { encoding: 'utf8' })
  spawnSync('rm', ['-f', plan])
  return status === 0 ? undefined : stderr.trim() || `the launcher ended with ${status}`
}

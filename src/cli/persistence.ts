/** Where this langrun keeps its registrations, and what it says of them. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import { MAIN_GROUP, paperPath } from '../binfmt/paper.ts'
import type { Persistence } from '../binfmt/persist.ts'
import type { Boot } from '../host/boot.ts'
import type { Context } from './context.ts'

export function persistenceOf({ settings, remark }: Context): Persistence {
  const { hostRoot, prefix, systemStore } = settings
  return {
    root: hostRoot,
    prefix,
    heal: `${join(systemStore.path, 'bin/langrun')} register --heal`,
    run(program, ...args) {
      // Another root is not running: what its init reads at its next boot is all there is to do.
      if (hostRoot !== '/') return
      const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
      if (status !== 0) remark(`${[program, ...args].join(' ')}: ${error?.message ?? stderr.trim()}`)
    },
  }
}

/** One sentence: what happens at the next boot. */
export function bootSentence({ registrar }: Boot, { settings }: Context, group = MAIN_GROUP): string {
  const file = paperPath({ root: '/', prefix: settings.prefix }, group)
  switch (registrar) {
    case 'systemd':
      return `after each boot systemd-binfmt registers ${file}`
    case 'binfmt-support':
      return 'after each boot binfmt-support registers it'
    case 'openrc':
      return `after each boot OpenRC's service binfmt registers ${file}`
    case 'none':
      return `${file} is written, but langrun knows nothing on this host that reads it at boot: let it run "langrun register --heal"`
    default:
      return `after each boot a script of langrun's registers ${file}`
  }
}

export function requireRoot({ settings }: Context, command: string, what = `${command} for the whole machine`): void {
  if (settings.isRoot) return
  throw new LangrunError('permission', `cannot ${what}`, {
    cause: 'you are not root',
    hint: `sudo langrun ${command}; without root, languages run in: langrun shell`,
  })
}

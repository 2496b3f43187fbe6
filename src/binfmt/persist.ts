/**
 * How registrations come back after a boot: the papers (`paper.ts`), and whatever makes this host read them.
 *
 * | registrar (`host/boot.ts`) | what reads the papers                                                    |
 * | systemd                    | systemd-binfmt.service; nothing to add                                   |
 * | systemd-unit               | /etc/systemd/system/langrun.service                                      |
 * | binfmt-support             | update-binfmts, from a copy of each entry in /usr/share/binfmts          |
 * | openrc                     | OpenRC's own service `binfmt`, added to the runlevel boot                |
 * | openrc-local               | /etc/local.d/langrun.start                                               |
 * | sysvinit                   | /etc/init.d/langrun; a line in /etc/fstab for the mount                  |
 * | rc-local                   | lines in /etc/rc.local; a line in /etc/fstab for the mount               |
 * | none                       | nobody: `langrun register --heal` at each start                          |
 *
 * Where neighbours wipe the registry while the host runs, a timer (systemd) or a line for cron brings it back.
 */

import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { explainDisk } from '../base/error.ts'
import { readIfThere, replaceFile } from '../base/files.ts'
import { renderBytes } from '../catalogue/magic.ts'
import { type Boot, readBoot } from '../host/boot.ts'
import { initScript, localScript, registerCommands, supportFormat, systemdService, systemdTimer } from './boot-script.ts'
import type { Definition } from './definition.ts'
import { addLines, makeFile, makeFolder, makeLink, undoAll } from './ledger.ts'
import { listGroups, type Paper, readPaper, removePaper, strike, writePaper } from './paper.ts'

export interface Persistence extends Paper {
  /** The command that brings everything back: an absolute path and its arguments. */
  readonly heal: string
  /** Run a program of the host; not called on roots that are not running. */
  run(program: string, ...args: string[]): void
}

/** Seconds between two looks at the registry, where neighbours wipe it: a neighbour's start takes longer. */
export const HEAL_EVERY = 60
const SUPPORT_FORMATS = 'usr/share/binfmts'
const REGISTRY = '/proc/sys/fs/binfmt_misc'

/** Put a group of entries on paper, in place of what it held. @returns who will read it at boot */
export function persist(persistence: Persistence, group: string, definitions: readonly Definition[]): Boot {
  const boot = readBoot(persistence.root)
  return explained('cannot write down what is to be registered after each boot', () => {
    makeFolder(persistence, '/etc/binfmt.d')
    writePaper(persistence, group, definitions)
    addReader(persistence, boot)
    if (boot.neighbours === 'wsl') addHealer(persistence)
    return boot
  })
}

/** Take one entry off the papers; with the last one everything goes. */
export function forget(persistence: Persistence, name: string): void {
  explained(`cannot take back what registers ${name} after each boot`, () => {
    strike(persistence, name)
    settle(persistence)
  })
}

/** Take a group off the papers; with the last one everything goes. */
export function forgetGroup(persistence: Persistence, group: string): void {
  explained('cannot take back what is registered after each boot', () => {
    removePaper(persistence, group)
    settle(persistence)
  })
}

/** A timer or a line for cron that heals the registry, also where we know of no neighbours. @returns what was added */
export function addHealer(persistence: Persistence): 'timer' | 'cron' | 'nothing' {
  const { root, heal } = persistence
  const name = serviceName(persistence)
  makeFolder(persistence, '/etc/binfmt.d')
  if (existsSync(join(root, 'run/systemd/system'))) {
    makeFile(persistence, `/etc/systemd/system/${name}-heal.service`, systemdService(heal))
    makeFile(persistence, `/etc/systemd/system/${name}-heal.timer`, systemdTimer(HEAL_EVERY))
    makeFolder(persistence, '/etc/systemd/system/timers.target.wants')
    makeLink(persistence, `/etc/systemd/system/timers.target.wants/${name}-heal.timer`, `../${name}-heal.timer`)
    persistence.run('systemctl', 'daemon-reload')
    persistence.run('systemctl', 'start', `${name}-heal.timer`)
    return 'timer'
  }
  if (!existsSync(join(root, 'etc/cron.d'))) return 'nothing'
  makeFile(
    persistence,
    `/etc/cron.d/${name}-heal`,
    `# Written by langrun: registers its formats again if other software wiped them.\n* * * * * root ${heal}\n`,
  )
  return 'cron'
}

function explained<T>(what: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw explainDisk(error, what)
  }
}

function addReader(persistence: Persistence, { registrar }: Boot): void {
  const name = serviceName(persistence)
  switch (registrar) {
    case 'systemd':
    case 'none':
      break
    case 'systemd-unit':
      makeFile(persistence, `/etc/systemd/system/${name}.service`, systemdService(persistence.heal))
      makeFolder(persistence, '/etc/systemd/system/multi-user.target.wants')
      makeLink(persistence, `/etc/systemd/system/multi-user.target.wants/${name}.service`, `../${name}.service`)
      persistence.run('systemctl', 'daemon-reload')
      break
    case 'binfmt-support':
      copyForSupport(persistence)
      break
    case 'openrc':
      makeFolder(persistence, '/etc/runlevels/boot')
      makeLink(persistence, '/etc/runlevels/boot/binfmt', '/etc/init.d/binfmt')
      break
    case 'openrc-local':
      makeFile(persistence, `/etc/local.d/${name}.start`, localScript(persistence), 0o755)
      break
    case 'sysvinit':
      makeFile(persistence, `/etc/init.d/${name}`, initScript(persistence, name), 0o755)
      for (const level of [2, 3, 4, 5]) makeLink(persistence, `/etc/rc${level}.d/S20${name}`, `../init.d/${name}`)
      addMount(persistence)
      break
    case 'rc-local':
      addLines(persistence, '/etc/rc.local', registerCommands(persistence))
      addMount(persistence)
  }
}

/** As the article has it: `none /proc/sys/fs/binfmt_misc binfmt_misc defaults 0 0`. */
function addMount(persistence: Persistence): void {
  const text = readIfThere(join(persistence.root, 'etc/fstab'))
  if (text === undefined || /^\s*[^#\s]\S*\s+\S+\s+binfmt_misc\s/m.test(text)) return
  addLines(persistence, '/etc/fstab', `none ${REGISTRY} binfmt_misc defaults 0 0\n`)
}

/** The registrar may have changed since: what is not on paper any more is removed from everywhere. */
function settle(persistence: Persistence): void {
  removeStaleFormats(persistence)
  if (listGroups(persistence).length > 0) return
  const hadTimer = existsSync(join(persistence.root, `etc/systemd/system/${serviceName(persistence)}-heal.timer`))
  if (hadTimer) persistence.run('systemctl', 'stop', `${serviceName(persistence)}-heal.timer`)
  undoAll(persistence)
  if (existsSync(join(persistence.root, 'run/systemd/system'))) persistence.run('systemctl', 'daemon-reload')
}

function copyForSupport(persistence: Persistence): void {
  makeFolder(persistence, `/${SUPPORT_FORMATS}`)
  for (const { definition } of readPaper(persistence)) {
    const place = join(persistence.root, SUPPORT_FORMATS, definition.name)
    const text = supportText(persistence, definition)
    if (readIfThere(place) === text) continue
    replaceFile(place, text)
    persistence.run('update-binfmts', '--import', definition.name)
  }
  removeStaleFormats(persistence)
}

function removeStaleFormats(persistence: Persistence): void {
  const folder = join(persistence.root, SUPPORT_FORMATS)
  if (!existsSync(folder)) return
  const wanted = new Set(readPaper(persistence).map(({ definition }) => definition.name))
  for (const name of readdirSync(folder)) {
    if (wanted.has(name) || !readIfThere(join(folder, name))?.startsWith(`package ${serviceName(persistence)}\n`)) continue
    persistence.run('update-binfmts', '--unimport', name)
    rmSync(join(folder, name))
  }
}

/** The format of a package's file in /usr/share/binfmts (update-binfmts(8), FORMAT FILES). */
function supportText(persistence: Persistence, { match, interpreter, flags }: Definition): string {
  const lines =
    match.kind === 'extension'
      ? [`extension ${match.extension}`]
      : [
          `magic ${renderBytes(match.magic)}`,
          `offset ${match.offset}`,
          ...(match.mask === undefined ? [] : [`mask ${renderBytes(match.mask)}`]),
        ]
  return supportFormat({ owner: serviceName(persistence), interpreter, match: lines, flags })
}

/** `langrun-` → `langrun`. A test's langrun has a prefix of its own, and leaves ours alone. */
function serviceName({ prefix }: Paper): string {
  return prefix.replace(/-+$/, '')
}

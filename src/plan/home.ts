/**
 * The profile `home`: data paths come from the host, system paths from the image.
 *
 * The launcher mounts what is listed here on a fresh tmpfs, so neither the image nor the host has to offer mount points, and a
 * symbolic link in an image can lead a mount nowhere.
 */

import { accessSync, constants, existsSync, lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { isFolder, linkTarget } from '../base/files.ts'
import { ARGUMENTS, type Language, SCRIPT } from '../catalogue/recipe.ts'
import { emulatorSteps } from './emulation.ts'
import type { Step } from './format.ts'
import { findProgram, resolveInside } from './program.ts'

export interface PlanInput {
  readonly language: Language
  /** The image's root file system, absolute. */
  readonly rootfs: string
  /** The host's root; another folder only in tests. */
  readonly host?: string
  /** What to run instead of the language's own command. */
  readonly command?: readonly string[]
  /** The line that registers the emulator of an image of a foreign architecture. */
  readonly emulator?: string | undefined
}

/** Where programs are looked for inside an image. */
export const IMAGE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games'

/** Every step to start `language` with all of the host's data in sight. */
export function homePlan({ language, rootfs, host = '/', command = language.command, emulator }: PlanInput): Step[] {
  return [
    ['language', language.name],
    ['namespace', 'user'],
    ['namespace', 'mount'],
    // Only a namespace's root may write into its registry.
    ['identity', emulator === undefined ? 'same' : 'root'],
    ['image', rootfs],
    ['root'],
    ...systemSteps(rootfs),
    ...hostSteps(rootfs, host),
    ['host', '/proc', '-'],
    ['host', '/sys', 'o'],
    ...emulatorSteps(emulator),
    ...deviceSteps(),
    ...nameSteps(rootfs),
    ['stores'],
    ...environmentSteps(language),
    // The prefix that is built into the emulator is for programs on the host: these have their libraries where they expect them.
    ...(emulator === undefined ? [] : ([['setenv', 'QEMU_LD_PREFIX', '/'], ['restore-identity']] as const)),
    ['seccomp', 'terminal'],
    ...commandSteps(rootfs, command),
  ]
}

/** The folders of a system that an image brings; the host's own are hidden. */
const SYSTEM = ['usr', 'etc'] as const
/** Links into /usr on every merged system, present if the image has their target. */
const ALIASES = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'] as const

export function systemSteps(rootfs: string): Step[] {
  return [
    ...SYSTEM.map((name): Step => ['from-image', `/${name}`, 'rsd']),
    ...ALIASES.filter((name) => existsSync(join(rootfs, 'usr', name))).map((name): Step => ['link', `usr/${name}`, `/${name}`]),
  ]
}

/** What of the host's root is neither data nor to be had from an image. */
const NOT_DATA = new Set<string>([...SYSTEM, ...ALIASES, 'proc', 'sys', 'dev', 'boot', 'lost+found', 'var'])

/** Everything else: a script finds its data, wherever the host keeps it, at the same path. */
export function hostSteps(rootfs: string, host: string): Step[] {
  const steps: Step[] = []
  for (const name of readdirSync(host).sort()) {
    if (NOT_DATA.has(name)) continue
    const info = lstatSync(join(host, name), { throwIfNoEntry: false })
    if (info?.isSymbolicLink()) steps.push(['link', readlinkSync(join(host, name)), `/${name}`])
    else if (info?.isDirectory() && canSearch(join(host, name))) steps.push(['host', `/${name}`, 'o'])
  }
  // /tmp must exist for nearly every interpreter, even on a host that made it after this plan.
  if (!steps.some((step) => step[0] === 'host' && step[1] === '/tmp')) steps.push(['host', '/tmp', 'o'])
  // Scripts in /usr/local/bin are found on PATH, by people and by other scripts; its libraries belong to the host's interpreters.
  steps.push(['host', '/usr/local/bin', 'o'])
  return [...merge('/var', rootfs, host), ...steps]
}

/** The host's folder with the image's own content laid over it: where both have a folder, entry by entry. */
function merge(path: string, rootfs: string, host: string): Step[] {
  const ours = entries(join(rootfs, path))
  if (ours.length === 0) return existsSync(join(host, path)) ? [['host', path, 'o']] : []
  const steps: Step[] = [['dir', path]]
  for (const name of ours) {
    const both = isFolder(join(rootfs, path, name)) && isFolder(join(host, path, name))
    steps.push(...(both ? merge(join(path, name), rootfs, host) : [['from-image', join(path, name), 'rsd'] as const]))
  }
  for (const name of entries(join(host, path))) {
    if (ours.includes(name)) continue
    const target = linkTarget(join(host, path, name))
    steps.push(target === undefined ? ['host', join(path, name), 'o'] : ['link', target, join(path, name)])
  }
  return steps
}

/** Device nodes that every program may expect; links are those of udev and of initramfs-tools since ever. */
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'ptmx'] as const

export function deviceSteps(): Step[] {
  return [
    // By itself: the launcher mounts with one call each on what is in the folder that was made last.
    ['dir', '/dev'],
    ...DEVICES.map((name): Step => ['host', `/dev/${name}`, 'o']),
    ['host', '/dev/pts', 'o'],
    ['host', '/dev/shm', 'o'],
    ['link', '/proc/self/fd', '/dev/fd'],
    ['link', '/proc/self/fd/0', '/dev/stdin'],
    ['link', '/proc/self/fd/1', '/dev/stdout'],
    ['link', '/proc/self/fd/2', '/dev/stderr'],
  ]
}

/** Files of the host's /etc that name its users, its peers and its place: an image has an empty file at each. */
export const HOST_NAMES = ['passwd', 'group', 'hosts', 'resolv.conf', 'localtime'] as const

function nameSteps(rootfs: string): Step[] {
  return HOST_NAMES.filter((name) => existsSync(join(rootfs, 'etc', name))).map((name): Step => ['host', `/etc/${name}`, 'o'])
}

/** What differs from the caller's environment; README lists it. */
function environmentSteps(language: Language): Step[] {
  return [
    ['unsetenv', 'LD_*'],
    ['unsetenv', 'GCONV_PATH'],
    ['unsetenv', 'LOCPATH'],
    ['prefixenv', 'PATH', IMAGE_PATH],
    ['locale', 'C.UTF-8'],
    ...Object.entries(language.environment).map(([name, value]): Step => ['setenv', name, value]),
  ]
}

/** A program by its name is the image's; one by its path may be the host's, and is called as the script is, which it was made from. */
function commandSteps(rootfs: string, command: readonly string[]): Step[] {
  const [program = '', ...words] = command
  const isHosts = program.startsWith('/') && resolveInside(rootfs, program) === undefined
  const start: Step[] = isHosts
    ? [['exec', program], ['script']]
    : [
        ['exec', findProgram(rootfs, program)],
        ['arg', program],
      ]
  return [...start, ...words.map(argumentStep)]
}

function argumentStep(word: string): Step {
  if (word === SCRIPT) return ['script']
  if (word === ARGUMENTS) return ['args']
  return ['arg', word]
}

/** Root's home is no use to a user; root itself may search everything. */
function canSearch(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function entries(path: string): string[] {
  return isFolder(path) ? readdirSync(path).sort() : []
}

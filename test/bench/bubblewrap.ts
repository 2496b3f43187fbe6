/**
 * A plan as arguments of bubblewrap: the same mounts in the same order, the same environment and program.
 *
 * What bubblewrap is spared: the plan's seccomp filter (it would have to be handed over compiled) and read-only on what the
 * namespace's owner cannot write anyway.
 */

import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Step } from '../../src/plan/format.ts'

/** @param script as the caller names it @param stores what the step `stores` shows */
export function bubblewrapArguments(steps: readonly Step[], folder: string, script: string, stores: readonly string[]): string[] {
  const rootfs = imageOf(steps)
  const [program, , ...args] = programOf(steps, script)
  return [...steps.flatMap((step) => mountArguments(step, rootfs, stores)), '--remount-ro', '/', '--chdir', folder, '--', program, ...args]
}

function mountArguments(step: Step, rootfs: string, stores: readonly string[]): string[] {
  switch (step[0]) {
    case 'dir':
      return ['--dir', step[1]]
    case 'link':
      return ['--symlink', step[1], step[2]]
    case 'tmpfs':
      return ['--tmpfs', step[1]]
    case 'from-image':
      return ['--ro-bind', join(rootfs, step[1]), step[1]]
    case 'host':
      return bind(step[1], step[1], step[2])
    case 'bind':
      return bind(step[1], step[2], step[3])
    case 'stores':
      return stores.flatMap((store) => ['--ro-bind', store, store])
    default:
      return []
  }
}

function bind(source: string, path: string, flags: string): string[] {
  if (!isThere(source)) return []
  // Devices work only where nodev is not set, and the host's /dev/pts and /dev/shm are theirs.
  const kind = flags.includes('r') ? '--ro-bind' : path.startsWith('/dev/') ? '--dev-bind' : '--bind'
  return [kind, source, path]
}

export function imageOf(steps: readonly Step[]): string {
  for (const step of steps) if (step[0] === 'image') return step[1]
  throw new Error('the plan has no image')
}

/** The program that a plan starts for a script without arguments: its path, its argv[0], the rest. */
export function programOf(steps: readonly Step[], script: string): [program: string, argv0: string, ...args: string[]] {
  const program = steps.find((step) => step[0] === 'exec')?.[1]
  const [argv0, ...args] = steps.flatMap((step) => (step[0] === 'arg' ? [step[1]] : step[0] === 'script' ? [script] : []))
  if (program === undefined || argv0 === undefined) throw new Error('the plan has no program')
  return [program, argv0, ...args]
}

/** The environment that a plan makes of a login's. */
export function environmentOf(steps: readonly Step[], environment: Readonly<Record<string, string>>): Record<string, string> {
  const made = { ...environment }
  for (const step of steps) {
    if (step[0] === 'setenv') made[step[1]] = step[2]
    if (step[0] === 'prefixenv') made[step[1]] = made[step[1]] === undefined ? step[2] : `${step[2]}:${made[step[1]]}`
  }
  return made
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

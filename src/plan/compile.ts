/**
 * The plan by which a compiler runs: as its language's scripts do, but without a network, with the host's data read-only, and with one
 * folder to write to. What it makes is trusted no more than the script is.
 */

import type { Language } from '../catalogue/recipe.ts'
import { emulatorSteps } from './emulation.ts'
import type { Step } from './format.ts'
import { deviceSteps, hostSteps, IMAGE_PATH, systemSteps } from './home.ts'

export interface CompileInput {
  readonly language: Language
  /** A shell command. */
  readonly compile: string
  readonly rootfs: string
  /** The script as the caller named it: what the compiler is told, and what its messages say. */
  readonly script: string
  /** The script's canonical path. */
  readonly path: string
  /** A copy that stands in the script's place, where the script itself begins with a line that is not its language's. */
  readonly copy: string | undefined
  /** Where the result goes, on the host. */
  readonly output: string
  readonly cwd: string
  readonly emulator: string | undefined
}

/** Where the compiler finds the folder for its result. */
export const OUTPUT_INSIDE = '/.langrun/output'
const TEMPORARY = '/.langrun/tmp'

export function compilePlan({ language, compile, rootfs, script, path, copy, output, cwd, emulator }: CompileInput): Step[] {
  return [
    ['language', language.name],
    ...(['user', 'mount', 'pid', 'net', 'ipc', 'uts'] as const).map((name): Step => ['namespace', name]),
    ['identity', emulator === undefined ? 'same' : 'root'],
    ['image', rootfs],
    ['root'],
    ...systemSteps(rootfs),
    ...hostSteps(rootfs, '/').map((step): Step => (step[0] === 'host' ? ['host', step[1], 'or'] : step)),
    ...(copy === undefined ? [] : [['bind', copy, path, 'r'] as const]),
    ...deviceSteps(),
    ['proc', '/proc'],
    ...emulatorSteps(emulator),
    ['bind', output, OUTPUT_INSIDE, 'sd'],
    ['tmpfs', TEMPORARY, 'mode=700'],
    ['cwd', cwd],
    ['unsetenv', '*'],
    ['setenv', 'PATH', IMAGE_PATH],
    ['setenv', 'HOME', TEMPORARY],
    ['setenv', 'TMPDIR', TEMPORARY],
    ['setenv', 'LC_ALL', 'C.UTF-8'],
    ['setenv', 'SCRIPT', script],
    ['setenv', 'OUTPUT', OUTPUT_INSIDE],
    ...Object.entries(language.environment).map(([name, value]): Step => ['setenv', name, value]),
    ...(emulator === undefined ? [] : ([['setenv', 'QEMU_LD_PREFIX', '/'], ['restore-identity']] as const)),
    ['seccomp', 'terminal'],
    ['exec', '/usr/bin/dash'],
    ['arg', 'sh'],
    ['arg', '-ec'],
    ['arg', compile],
  ]
}

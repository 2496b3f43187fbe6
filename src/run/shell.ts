/**
 * The rootless way: a shell in a user namespace that has a binfmt_misc of its own (Linux 6.7 and later).
 *
 * The host's files, users and terminal stay as they are; only the registry is new, and empty until we fill it.
 */

import { LangrunError } from '../base/error.ts'
import { BINFMT_FOLDER, isAtLeast, type Kernel, ROOTLESS_BINFMT } from '../host/kernel.ts'
import type { Step } from '../plan/format.ts'

export interface ShellInput {
  readonly kernel: Kernel
  /** What to write into the registry. */
  readonly lines: readonly string[]
  /** The program, absolute, and its argv[0]. */
  readonly program: string
  readonly name: string
}

/** @throws LangrunError `unsupported` if this kernel has no registry for user namespaces. */
export function shellPlan({ kernel, lines, program, name }: ShellInput): Step[] {
  if (!isAtLeast(kernel.version, ROOTLESS_BINFMT)) {
    throw new LangrunError('unsupported', 'cannot open a langrun shell', {
      cause: `Linux ${kernel.release} has one registry for all; one for each user namespace came with ${ROOTLESS_BINFMT.join('.')}`,
      hint: 'register once for the whole machine: sudo langrun register',
    })
  }
  return [
    ['language', 'shell'],
    ['namespace', 'user'],
    ['namespace', 'mount'],
    // The registry's files belong to the namespace's root; the shell is to be the user all the same.
    ['identity', 'root'],
    ['binfmt', BINFMT_FOLDER],
    ...lines.map((line): Step => ['write', `${BINFMT_FOLDER}/register`, line]),
    ['restore-identity'],
    ['setenv', 'LANGRUN_SHELL', '1'],
    ['exec', program],
    ['arg', name],
    ['args'],
  ]
}

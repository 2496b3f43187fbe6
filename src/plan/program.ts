/** Where a program lies inside an image, with the image's own idea of every symbolic link on the way. */

import { lstatSync, readlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { LangrunError } from '../base/error.ts'

/** As the kernel: more links than this are a loop. */
const MOST_LINKS = 40
const FOLDERS = ['/usr/bin', '/usr/sbin', '/usr/games', '/usr/local/bin'] as const

/**
 * The absolute path, inside the image, of a program given by name or path; links are left to the kernel.
 *
 * @throws LangrunError `not-found` if the image has no such program.
 */
export function findProgram(rootfs: string, program: string): string {
  const candidates = program.includes('/') ? [program] : FOLDERS.map((folder) => join(folder, program))
  const found = candidates.find((path) => resolveInside(rootfs, path) !== undefined)
  if (found !== undefined) return found
  throw new LangrunError('not-found', `cannot find the program ${program} in the image`, {
    cause: `looked for ${candidates.join(', ')}`,
    hint: 'the recipe names a program that its packages do not contain',
  })
}

/** The file on the host that `path` means inside `rootfs`, or undefined if there is none. */
export function resolveInside(rootfs: string, path: string): string | undefined {
  let rest = path.split('/').filter((part) => part !== '')
  let at = '/'
  let links = 0
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    const next = join(at, name)
    const info = lstatSync(join(rootfs, next), { throwIfNoEntry: false })
    if (info === undefined) return undefined
    if (!info.isSymbolicLink()) {
      at = next
      continue
    }
    if (++links > MOST_LINKS) return undefined
    const target = resolve(dirname(next), readlinkSync(join(rootfs, next)))
    rest = [...target.split('/').filter((part) => part !== ''), ...rest]
    at = '/'
  }
  return join(rootfs, at)
}

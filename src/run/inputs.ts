/** What a plan was made from, noted in it: the launcher looks whether it is as it was (`input`, `absent`; `launcher/script.c`). */

import { statSync } from 'node:fs'
import { isErrno } from '../base/error.ts'
import type { Step } from '../plan/format.ts'

/** A step for each path: as it is now, or that there is none; what the caller cannot look at decided nothing, and gets none. */
export function inputSteps(paths: readonly string[]): Step[] {
  return paths.flatMap((path): Step[] => {
    const stamp = stampOf(path)
    if (stamp === 'hidden') return []
    return [stamp === undefined ? ['absent', path] : ['input', path, stamp]]
  })
}

export function isCurrent(steps: readonly Step[]): boolean {
  return steps.every((step) => {
    if (step[0] === 'input') return stampOf(step[1]) === step[2]
    return step[0] !== 'absent' || stampOf(step[1]) === undefined
  })
}

/** `<bytes> <mtime in nanoseconds> <inode>`; undefined if there is no such file; `hidden` if the folder is closed to the caller. */
function stampOf(path: string): string | undefined {
  try {
    const info = statSync(path, { bigint: true, throwIfNoEntry: false })
    return info === undefined ? undefined : `${info.size} ${info.mtimeNs} ${info.ino}`
  } catch (error) {
    if (isErrno(error, 'EACCES')) return 'hidden'
    throw error
  }
}

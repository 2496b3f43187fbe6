/** What the kernel itself would start a file with, without binfmt_misc: `#!` and ELF, read from the file's first bytes. */

import { accessSync, constants, statSync } from 'node:fs'
import { basename, join } from 'node:path'

export type Native =
  | { readonly kind: 'shebang'; readonly interpreter: string; readonly argument: string | undefined; readonly exists: boolean }
  | { readonly kind: 'elf'; readonly machine: number; readonly native: boolean }
  | { readonly kind: 'none' }

/** @param path the PATH in which env(1) looks @param arch as process.arch */
export function nativeFormat(head: Buffer, path: string, arch: string): Native {
  if (head.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'))) {
    const machine = head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18)
    return { kind: 'elf', machine, native: (MACHINES[arch] ?? []).includes(machine) }
  }
  const found = /^#![ \t]*([^ \t\n\0]+)[ \t]*([^\n\0]*?)[ \t]*(?:\n|\0|$)/.exec(head.toString('latin1'))
  if (found === null) return { kind: 'none' }
  const interpreter = Buffer.from(found[1]!, 'latin1').toString()
  const argument = found[2] === '' ? undefined : Buffer.from(found[2]!, 'latin1').toString()
  return { kind: 'shebang', interpreter, argument, exists: isExecutable(interpreter) && envFinds(interpreter, argument, path) }
}

/** EM_386, EM_X86_64; EM_ARM, EM_AARCH64: as the launcher's shebang.c. */
const MACHINES: Readonly<Record<string, readonly number[]>> = { x64: [3, 62], arm64: [40, 183] }

/** Whether `env name` would find its program; options and assignments are passed over. */
function envFinds(interpreter: string, argument: string | undefined, path: string): boolean {
  if (basename(interpreter) !== 'env' || argument === undefined) return true
  const words = argument.replace(/^-v?i?S|^--split-string[= ]/, '').split(/[ \t]+/)
  const name = words.find((word) => word !== '' && !word.startsWith('-') && !word.includes('='))
  if (name === undefined) return true
  return name.includes('/') ? isExecutable(name) : path.split(':').some((folder) => isExecutable(join(folder === '' ? '.' : folder, name)))
}

/** Whether the caller may execute the file. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

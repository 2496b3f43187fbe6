/**
 * Runners: the launcher with a trailer that names its language.
 *
 *     <launcher> … 512 bytes: runner\0 1\0 \n language\0 clisp\0 \n system\0 /var/lib/langrun\0 \n \0\0\0…
 */

import { LangrunError } from '../base/error.ts'
import { encodeRecords } from './format.ts'

const TRAILER_SIZE = 512

export interface RunnerOptions {
  readonly language: string
  /** The system store that it reads after the caller's own. */
  readonly system: string
  /**
   * `script`: the kernel starts it for a script. `bound`: the same, by a magic, so that the script's ending says nothing. `shim`: it
   * stands for the interpreter, and takes the interpreter's own arguments.
   */
  readonly kind: 'script' | 'bound' | 'shim'
}

/** The bytes of an executable file: `launcher` with its trailer. */
export function makeRunner(launcher: Uint8Array, { language, system, kind }: RunnerOptions): Buffer {
  const records = [['runner', '1'], ['language', language], ['system', system], ...(kind === 'script' ? [] : [[kind]])]
  const trailer = encodeRecords(records)
  if (trailer.length > TRAILER_SIZE) {
    throw new LangrunError('unsupported', `cannot make a runner for ${language}`, { cause: `the path ${system} is too long` })
  }
  return Buffer.concat([launcher, trailer, Buffer.alloc(TRAILER_SIZE - trailer.length)])
}

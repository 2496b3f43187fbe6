/**
 * The plan format: the only contract between TypeScript and the launcher (ARCHITECTURE.md has the table; `launcher/plan.c` reads it).
 *
 *     plan\0 1\0 \n  language\0 clisp\0 \n  namespace\0 user\0 \n … exec\0 /usr/bin/clisp\0 \n  arg\0 clisp\0 \n  script\0 \n  args\0 \n
 */

import { LangrunError } from '../base/error.ts'

export const PLAN_VERSION = '1'
/** The launcher reads a plan into a buffer of this size. */
export const LARGEST_PLAN = 256 * 1024
export const MOST_RECORDS = 1024

/**
 * `r` read-only, `o` optional (skipped if the source does not exist), `s` nosuid, `d` nodev, `x` noexec.
 * Letters in any number; `-` for none.
 */
export type MountFlags = string

export type Step =
  | readonly ['language', string]
  | readonly ['namespace', 'user' | 'mount' | 'pid' | 'net' | 'ipc' | 'uts']
  | readonly ['identity', 'same' | 'root']
  | readonly ['image', string]
  | readonly ['skeleton', string]
  | readonly ['root']
  | readonly ['dir', string]
  | readonly ['link', string, string]
  | readonly ['host', string, MountFlags]
  | readonly ['bind', string, string, MountFlags]
  | readonly ['from-image', string, MountFlags]
  | readonly ['stores']
  | readonly ['tmpfs', string, string]
  | readonly ['proc', string]
  | readonly ['binfmt', string]
  | readonly ['write', string, string]
  | readonly ['cwd', string]
  | readonly ['setenv', string, string]
  | readonly ['unsetenv', string]
  | readonly ['prefixenv', string, string]
  | readonly ['locale', string]
  | readonly ['seccomp', 'terminal' | 'ownership']
  | readonly ['per-script', string]
  | readonly ['input', string, string]
  | readonly ['absent', string]
  | readonly ['restore-identity']
  | readonly ['exec', string]
  | readonly ['arg', string]
  | readonly ['script']
  | readonly ['args']

/** How many operands each operation has; a record of any other shape is refused by the launcher. */
const OPERANDS: Readonly<Record<Step[0], number>> = {
  language: 1,
  namespace: 1,
  identity: 1,
  image: 1,
  skeleton: 1,
  root: 0,
  dir: 1,
  link: 2,
  host: 2,
  bind: 3,
  'from-image': 2,
  stores: 0,
  tmpfs: 2,
  proc: 1,
  binfmt: 1,
  write: 2,
  cwd: 1,
  setenv: 2,
  unsetenv: 1,
  prefixenv: 2,
  locale: 1,
  seccomp: 1,
  'per-script': 1,
  input: 2,
  absent: 1,
  'restore-identity': 0,
  exec: 1,
  arg: 1,
  script: 0,
  args: 0,
}

/** Where a step puts something, if it does. */
export function destination(step: Step): string | undefined {
  switch (step[0]) {
    case 'dir':
    case 'host':
    case 'from-image':
    case 'tmpfs':
    case 'proc':
    case 'binfmt':
      return step[1]
    case 'link':
    case 'bind':
      return step[2]
    default:
      return undefined
  }
}

/** @throws LangrunError `usage` if an operand holds a NUL, or the plan is larger than the launcher takes. */
export function encodePlan(steps: readonly Step[]): Buffer {
  const bytes = encodeRecords([['plan', PLAN_VERSION], ...steps])
  if (bytes.length <= LARGEST_PLAN && steps.length < MOST_RECORDS) return bytes
  throw new LangrunError('unsupported', `cannot write a plan of ${steps.length + 1} records in ${bytes.length} bytes`, {
    cause: `the launcher takes ${MOST_RECORDS} records in ${LARGEST_PLAN} bytes`,
  })
}

/** Records as a plan and a runner's trailer hold them: every operand ends with NUL, every record with a newline. */
export function encodeRecords(records: readonly (readonly string[])[]): Buffer {
  return Buffer.from(records.map((record) => `${record.map(checked).join('\0')}\0\n`).join(''))
}

/** @throws LangrunError `damaged` for bytes that are no plan of this version. */
export function decodePlan(bytes: Uint8Array): Step[] {
  const fields = Buffer.from(bytes).toString('utf8').split('\0')
  const steps: string[][] = []
  for (let at = 0; at < fields.length - 1; ) {
    // Every record but the first begins with the newline that ended the one before.
    const operation = fields[at]!.replace(/^\n/, '')
    const count = operation === 'plan' ? 1 : OPERANDS[operation as Step[0]]
    if (count === undefined || at + count >= fields.length)
      throw new LangrunError('damaged', 'cannot read a plan', { cause: `at field ${at}` })
    steps.push([operation, ...fields.slice(at + 1, at + 1 + count)])
    at += count + 1
  }
  const first = steps.shift()
  if (first?.[0] === 'plan' && first[1] === PLAN_VERSION) return steps as unknown as Step[]
  throw new LangrunError('damaged', 'cannot read a plan', { cause: `it does not begin with "plan ${PLAN_VERSION}"` })
}

function checked(operand: string): string {
  if (operand.includes('\0'))
    throw new LangrunError('usage', `cannot put ${JSON.stringify(operand)} into a plan`, { cause: 'it contains a NUL' })
  return operand
}

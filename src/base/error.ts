/**
 * The one error that langrun throws on purpose: what could not be done, why, and what to do now.
 *
 * Anything else that reaches the top is a bug of ours and is reported as one (`cli/main.ts`).
 */

/** The closed set of codes; machines read them from `--json`. */
export type ErrorCode =
  | 'usage' // the command line or a recipe is wrong
  | 'not-found' // no such language, package, file
  | 'not-installed'
  | 'network' // a server cannot be reached or does not answer as it should
  | 'untrusted' // a signature, a digest or an owner is not what it must be
  | 'damaged' // the store or a cache does not hold what it should
  | 'no-space'
  | 'permission'
  | 'unsupported' // this host or this langrun cannot do it
  | 'failed' // a program that we started failed
  | 'interrupted'

export interface Details {
  readonly cause?: unknown
  readonly hint?: string
}

export class LangrunError extends Error {
  override readonly name = 'LangrunError'
  readonly code: ErrorCode
  /** What the reader can do now. */
  readonly hint: string | undefined

  /** @param message "cannot <verb> <the very thing>", lower case, no full stop. */
  constructor(code: ErrorCode, message: string, details: Details = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : {})
    this.code = code
    this.hint = details.hint
  }
}

/** The status that langrun itself exits with when `error` ends it. */
export function exitStatus(error: unknown): number {
  if (!(error instanceof LangrunError)) return 70
  switch (error.code) {
    case 'usage':
      return 2
    case 'not-installed':
    case 'not-found':
      return 127
    case 'interrupted':
      return 130
    default:
      return 1
  }
}

/** Whether `error` is the system error `code`, such as ENOENT. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/**
 * Turn what a disk operation threw into an error that says what to do, if it is one that a person can mend.
 *
 * @param message what could not be done, as for LangrunError
 */
export function explainDisk(error: unknown, message: string): unknown {
  if (isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT')) {
    return new LangrunError('no-space', message, {
      cause: error,
      hint: 'free some space (see `df -h`), then try again: nothing half-done was kept',
    })
  }
  if (isErrno(error, 'EACCES') || isErrno(error, 'EPERM') || isErrno(error, 'EROFS')) {
    return new LangrunError('permission', message, { cause: error, hint: 'check who owns the path above and whether it can be written' })
  }
  return error
}

/** The lines that a person reads: the message, every cause below it, the hint. */
export function render(error: unknown): string {
  if (!(error instanceof Error)) return `langrun: ${String(error)}`
  const lines = [`langrun: ${error.message}`]
  for (let cause = error.cause; cause !== undefined; cause = cause instanceof Error ? cause.cause : undefined) {
    lines.push(`  because: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  const hint = hintOf(error)
  if (hint !== undefined) lines.push(`  hint: ${hint}`)
  return lines.join('\n')
}

/** The same in one line: what a script's caller reads, as the launcher's own messages. */
export function renderLine(error: unknown): string {
  const [message = '', ...rest] = render(error).split('\n')
  const line = rest.reduce(
    (text, part) =>
      text +
      part
        .replace(/^ +because: /, ': ')
        .replace(/^ +hint: /, '; ')
        .replace(/^ +/, ' '),
    message,
  )
  return line.replaceAll(/\p{Cc}/gu, '?')
}

/** The outermost hint: who wraps an error knows best what its reader wanted. */
function hintOf(error: unknown): string | undefined {
  if (error instanceof LangrunError && error.hint !== undefined) return error.hint
  return error instanceof Error && error.cause !== undefined ? hintOf(error.cause) : undefined
}

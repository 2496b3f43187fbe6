/** Errors between threads: structured cloning would drop their codes and hints. */

import { type ErrorCode, LangrunError } from '../base/error.ts'

export interface PlainError {
  readonly message: string
  readonly code?: ErrorCode
  readonly hint?: string
  readonly stack?: string
  readonly cause?: PlainError | string
}

export function toPlain(error: unknown): PlainError {
  if (!(error instanceof Error)) return { message: String(error) }
  const { message, stack, cause } = error
  return {
    message,
    ...(stack !== undefined && { stack }),
    ...(cause !== undefined && { cause: cause instanceof Error ? toPlain(cause) : String(cause) }),
    ...(error instanceof LangrunError && { code: error.code, ...(error.hint !== undefined && { hint: error.hint }) }),
  }
}

export function fromPlain({ message, code, hint, stack, cause }: PlainError): Error {
  const details = {
    ...(cause !== undefined && { cause: typeof cause === 'string' ? cause : fromPlain(cause) }),
    ...(hint !== undefined && { hint }),
  }
  const error = code ? new LangrunError(code, message, details) : new Error(message, details)
  if (stack !== undefined) error.stack = stack
  return error
}

/** The worker thread of `unpackers.ts`: a message is a job, the answer what was unpacked or why not. Bundled on its own. */

import { parentPort, workerData } from 'node:worker_threads'
import { explainDisk, LangrunError } from '../base/error.ts'
import { type Unpacked, type UnpackJob, unpackDeb } from './deb.ts'

export interface WorkerData {
  readonly umask: number
}

/** An error loses its fields on the way between threads. */
export type Answer =
  | { readonly done: Unpacked }
  | {
      readonly failed: {
        readonly message: string
        readonly code?: LangrunError['code']
        readonly hint?: string
        readonly cause?: unknown
        readonly stack?: string
      }
    }

const { umask } = workerData as WorkerData

parentPort?.on('message', async (job: UnpackJob) => {
  let answer: Answer
  try {
    answer = { done: await unpackDeb(job, umask) }
  } catch (thrown) {
    const error = explainDisk(thrown, `cannot unpack into ${job.folder}`)
    answer = { failed: error instanceof Error ? describe(error) : { message: String(error) } }
  }
  parentPort?.postMessage(answer)
})

function describe(error: Error): Extract<Answer, { failed: unknown }>['failed'] {
  const { message, stack } = error
  const cause = error.cause instanceof Error ? error.cause.message : error.cause
  const rest = { ...(cause !== undefined && { cause: String(cause) }), ...(stack !== undefined && { stack }) }
  if (!(error instanceof LangrunError)) return { message, ...rest }
  return { message, code: error.code, ...(error.hint !== undefined && { hint: error.hint }), ...rest }
}

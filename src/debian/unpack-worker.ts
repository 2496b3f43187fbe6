/** The worker thread of `unpackers.ts`: a message is a job, the answer what was unpacked or why not. Bundled on its own. */

import { parentPort, workerData } from 'node:worker_threads'
import { explainDisk } from '../base/error.ts'
import { type Unpacked, type UnpackJob, unpackDeb } from './deb.ts'
import { type PlainError, toPlain } from './thread-error.ts'

export interface WorkerData {
  readonly umask: number
}

export type Answer = { readonly done: Unpacked } | { readonly failed: PlainError }

const { umask } = workerData as WorkerData

parentPort?.on('message', async (job: UnpackJob) => {
  let answer: Answer
  try {
    answer = { done: await unpackDeb(job, umask) }
  } catch (thrown) {
    answer = { failed: toPlain(explainDisk(thrown, `cannot unpack the package ${job.name} into ${job.folder}`)) }
  }
  parentPort?.postMessage(answer)
})

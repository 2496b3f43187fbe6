/**
 * Unpacks packages in worker threads: xz in WebAssembly is most of an install's time, and two threads halve it.
 *
 * From source a worker is started from its file. In the bundle there is no such file: the build bundles `unpack-worker.ts` to
 * one CommonJS text and hands that in.
 */

import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { LangrunError } from '../base/error.ts'
import type { Unpacked, UnpackJob } from './deb.ts'
import type { Downloads, Wanted } from './download.ts'
import type { Expected } from './expected.ts'
import { fromPlain } from './thread-error.ts'
import type { Answer, WorkerData } from './unpack-worker.ts'

export type WorkerCode = URL | { readonly source: string }

export interface Unpackers extends AsyncDisposable {
  /**
   * Verify a .deb and unpack its files into `<folder>/root`, which must not be there yet.
   *
   * @param only paths of the only files that are wanted
   * @throws LangrunError `damaged`, `untrusted`, `no-space`; what is left in `folder` is then garbage
   */
  unpack(deb: string, folder: string, expected: Expected & { readonly name?: string }, only?: readonly string[]): Promise<Unpacked>
}

export interface UnpackersOptions {
  readonly worker: WorkerCode
  readonly count: number
}

/** Starts the threads at once, so that they are ready when the first package has arrived. */
export function startUnpackers({ worker, count }: UnpackersOptions): Unpackers {
  const waiting: Task[] = []
  const threads = Array.from({ length: count }, () => startThread(worker))
  let closed = false

  function next(): void {
    for (const thread of threads) {
      if (thread.busy || waiting.length === 0) continue
      // The largest first: else one thread ends up with it while the others have nothing left to do.
      const [task] = waiting.splice(indexOfLargest(waiting), 1)
      thread.run(task!).finally(next)
    }
  }

  return {
    unpack(deb, folder, { name = basename(deb), size, sha256 }, only) {
      const job: UnpackJob = { name, deb, folder, expected: { size, sha256 }, only } // no more than that: it is copied to the thread
      if (closed) throw new Error('unpack after the unpackers were closed')
      return new Promise((resolve, reject) => {
        waiting.push({ job, resolve, reject })
        next()
      })
    },
    async [Symbol.asyncDispose]() {
      closed = true
      for (const { reject } of waiting.splice(0)) reject(new LangrunError('interrupted', 'cannot finish unpacking'))
      await Promise.all(threads.map((thread) => thread.close()))
    },
  }
}

/** Download and unpack: a file that has rotted in the cache is fetched once more. */
export async function obtain(
  wanted: Wanted & { readonly name?: string },
  folder: string,
  downloads: Downloads,
  unpackers: Unpackers,
  only?: readonly string[],
): Promise<Unpacked> {
  try {
    return await unpackers.unpack(await downloads.file(wanted), folder, wanted, only)
  } catch (error) {
    if (!(error instanceof LangrunError) || error.code !== 'damaged') throw error
    downloads.discard(wanted)
    rmSync(join(folder, 'root'), { recursive: true, force: true })
    return await unpackers.unpack(await downloads.file(wanted), folder, wanted, only)
  }
}

interface Task {
  readonly job: UnpackJob
  resolve(unpacked: Unpacked): void
  reject(error: unknown): void
}

interface Thread {
  readonly busy: boolean
  run(task: Task): Promise<void>
  close(): Promise<unknown>
}

function startThread(code: WorkerCode): Thread {
  const workerData: WorkerData = { umask: process.umask() }
  let worker: Worker | undefined
  const start = () => {
    const started = code instanceof URL ? new Worker(code, { workerData }) : new Worker(code.source, { eval: true, workerData })
    started.unref()
    // Between jobs nobody listens for it; the next job finds the thread gone and starts another.
    started.on('error', () => {})
    started.on('exit', () => {
      if (worker === started) worker = undefined
    })
    return started
  }
  worker = start()
  let busy = false
  return {
    get busy() {
      return busy
    },
    async run({ job, resolve, reject }) {
      busy = true
      worker ??= start()
      worker.ref()
      try {
        resolve(await ask(worker, job))
      } catch (error) {
        reject(error)
      } finally {
        worker?.unref()
        busy = false
      }
    },
    close: async () => worker?.terminate(),
  }
}

function ask(worker: Worker, job: UnpackJob): Promise<Unpacked> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit)
      act()
    }
    const onMessage = (answer: Answer) => settle(() => ('done' in answer ? resolve(answer.done) : reject(fromPlain(answer.failed))))
    const onError = (error: Error) => settle(() => reject(error))
    const onExit = () => settle(() => reject(new LangrunError('interrupted', `cannot finish unpacking ${job.deb}`)))
    worker.on('message', onMessage).on('error', onError).on('exit', onExit)
    worker.postMessage(job)
  })
}

function indexOfLargest(tasks: readonly Task[]): number {
  return tasks.reduce((best, task, at) => (task.job.expected.size > tasks[best]!.job.expected.size ? at : best), 0)
}

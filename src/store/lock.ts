/**
 * One writer at a time.
 *
 * Node offers no flock(2), so the launcher holds it: it takes the lock, says so, and lives as long as the pipe to us. The kernel
 * ends both when we are killed, so a lock is never left behind and never has to be guessed stale.
 */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { LangrunError } from '../base/error.ts'
import type { Progress } from '../base/progress.ts'
import type { Store } from './store.ts'

/** Silence for so long before a waiting langrun says what it waits for, in milliseconds. */
const PATIENCE = 300

/** Hold the store's lock until disposed. @throws LangrunError if it cannot be taken. */
export async function lockStore(store: Store, launcher: string, progress: Progress): Promise<AsyncDisposable> {
  return lockFile(join(store.path, 'lock'), launcher, progress)
}

/** Hold the lock `path`, a file that is made if need be, until disposed. @throws LangrunError if it cannot be taken. */
export async function lockFile(path: string, launcher: string, progress: Progress): Promise<AsyncDisposable> {
  const holder = spawn(launcher, ['--lock', path], { stdio: ['pipe', 'pipe', 'pipe'] })
  let waiting: ReturnType<Progress['begin']> | undefined
  const timer = setTimeout(() => {
    waiting = progress.begin('waiting for another langrun to finish')
  }, PATIENCE)
  let complaint = ''
  holder.stderr.on('data', (data) => {
    complaint += data
  })
  const ended = new Promise<void>((resolve) => holder.once('close', () => resolve()))
  try {
    await new Promise<void>((resolve, reject) => {
      holder.once('error', reject)
      holder.stdout.once('data', () => resolve())
      void ended.then(() => reject(new Error(complaint.trim() || 'the lock holder ended')))
    })
  } catch (error) {
    throw new LangrunError('failed', `cannot lock ${path}`, { cause: error })
  } finally {
    clearTimeout(timer)
    waiting?.end()
  }
  return {
    [Symbol.asyncDispose]: async () => {
      holder.stdin.end()
      await ended
    },
  }
}

/** Many launches at once: all succeed, and nothing is left of them. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { login, type Machine, type Subject } from './machine.ts'
import { bound, type Row } from './table.ts'
import { startWorker } from './worker.ts'

export const PARALLEL_LAUNCHES = 1_000
const MOST_AT_ONCE = 200

export async function measureParallel({ user, worker }: Machine, { language, folder, script }: Subject): Promise<Row[]> {
  const enter = ['setpriv', `--reuid=${user.uid}`, `--regid=${user.uid}`, '--init-groups', '--']
  const contender = { name: 'parallel', launches: 1, enter, worker, folder, command: [script, script], environment: login(user) } as const
  const before = remains(user.uid)
  let nanoseconds: number, failed: number
  {
    await using running = startWorker(contender)
    ;[nanoseconds, failed] = await running.ask(`parallel ${PARALLEL_LAUNCHES} ${MOST_AT_ONCE}`)
  }
  const after = await settled(user.uid, before)
  const group = 'parallel'
  const what = `${PARALLEL_LAUNCHES} × ./hello (${language.name}), ${MOST_AT_ONCE} at once`
  const left = (name: keyof Remains): Row => {
    const more = after[name] - before[name]
    return {
      group,
      what: `${name} left`,
      unit: 'count',
      count: 1,
      median: more,
      bounds: [bound('left', 0, more)],
      note: `${before[name]} before, ${after[name]} after`,
    }
  }
  return [
    { group, what, unit: 's', count: 1, median: nanoseconds / 1e9, note: `${(nanoseconds / 1e6 / PARALLEL_LAUNCHES).toFixed(2)} ms each` },
    { group, what: 'failed', unit: 'count', count: PARALLEL_LAUNCHES, median: failed, bounds: [bound('failed', 0, failed)] },
    left('mounts'),
    left('processes'),
  ]
}

interface Remains {
  readonly mounts: number
  readonly processes: number
}

/** The kernel takes namespaces apart a moment after their last process. */
async function settled(uid: number, before: Remains): Promise<Remains> {
  for (let i = 0; i < 20; i++) {
    const now = remains(uid)
    if (Object.entries(before).every(([name, count]) => now[name as keyof Remains] <= count)) return now
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return remains(uid)
}

/** The host's mounts and the user's processes. A mount namespace that has neither a process nor a mount of its own is gone. */
function remains(uid: number): Remains {
  const own = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && ownerOf(join('/proc', name)) === uid)
  const mounts = readFileSync('/proc/self/mounts', 'utf8').trim().split('\n').length
  return { mounts, processes: own.length }
}

function ownerOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.uid
}

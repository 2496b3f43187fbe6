/** How long `./hello` takes, by every road there is, against the interpreter itself in its own root. */

import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { PROFILES } from '../../src/plan/publish.ts'
import { LANGRUN } from '../machine.ts'
import { bubblewrapArguments, environmentOf, imageOf, programOf } from './bubblewrap.ts'
import type { Engine } from './docker.ts'
import { enterFloor, WORKER_INSIDE } from './floor.ts'
import { login, type Machine, type Subject } from './machine.ts'
import { type Summary, summarize } from './statistics.ts'
import { type Bound, bound, type Row } from './table.ts'
import { type Contender, roundRobin } from './worker.ts'

/** Slow roads, of which fewer launches say enough. */
const DOCKER_LAUNCHES = 20
const SLOW_LAUNCHES = 50

/** DESIGN §7: milliseconds over the floor by profile, and the part of bubblewrap's time. */
const MOST_OVER: Readonly<Record<string, number>> = { home: 1, sealed: 2 }
const MOST_OF_BUBBLEWRAP = 0.5

const FLOOR = 'floor: interpreter in its own root'
const BUBBLEWRAP = 'bubblewrap, same mounts'
const DOCKER = 'docker run --rm'

/** @param engine or why there is none */
export async function measureLaunches(machine: Machine, subject: Subject, launches: number, engine: Engine | string): Promise<Row[]> {
  const contenders = everyRoad(machine, subject, launches, engine)
  const times = await roundRobin(contenders, launches, subject.stdout)
  const summaries = new Map(contenders.map(({ name }, at) => [name, summarize(times[at]!)] as const))
  const rows = contenders.map(({ name }) => row(subject, name, summaries))
  if (typeof engine === 'string')
    rows.push({ group: subject.language.name, what: DOCKER, unit: 'ms', count: 0, note: `not measured: ${engine}` })
  if (!summaries.has(BUBBLEWRAP))
    rows.push({ group: subject.language.name, what: BUBBLEWRAP, unit: 'ms', count: 0, note: 'not measured: bwrap is not installed' })
  return rows
}

function everyRoad(
  { user, system, folder: temporary, worker }: Machine,
  subject: Subject,
  launches: number,
  engine: Engine | string,
): Contender[] {
  const { language, steps, folder, script } = subject
  const enter = ['setpriv', `--reuid=${user.uid}`, `--regid=${user.uid}`, '--init-groups', '--']
  const asUser = { launches, enter, worker, folder, environment: login(user) }
  const slow = { ...asUser, launches: Math.min(launches, SLOW_LAUNCHES) }
  const runner = join(system.store, 'runners', language.name)
  const rootfs = imageOf(steps)
  const root = join(temporary, 'root')
  mkdirSync(root, { recursive: true })
  const inside = { environment: environmentOf(steps, login(user)) }
  const program = programOf(steps, script)

  const roads: Contender[] = [
    {
      ...asUser,
      ...inside,
      name: FLOOR,
      enter: enterFloor({ rootfs, root, home: user.home, uid: user.uid, worker }),
      worker: WORKER_INSIDE,
      command: program,
    },
    { ...asUser, name: roadBy('home'), command: [script, script] },
  ]
  for (const profile of PROFILES.filter((profile) => profile !== 'home')) {
    roads.push({ ...asUser, name: roadBy(profile), command: [script, script], environment: { ...login(user), LANGRUN_PROFILE: profile } })
  }
  roads.push({ ...asUser, name: 'runner called directly', command: [runner, runner, script] })
  if (existsSync('/usr/bin/bwrap')) {
    const stores = [join(user.home, '.local/share/langrun'), system.store]
    roads.push({
      ...asUser,
      ...inside,
      name: BUBBLEWRAP,
      command: ['/usr/bin/bwrap', 'bwrap', ...bubblewrapArguments(steps, folder, script, stores)],
    })
  }
  if (typeof engine !== 'string') {
    const image = engine.importImage(`langrun-bench-${language.name}`, rootfs)
    const options = [
      '-H',
      engine.address,
      'run',
      '--rm',
      '--network=host',
      `--user=${user.uid}:${user.uid}`,
      `--volume=${user.home}:${user.home}`,
    ]
    const command = [engine.client, 'docker', ...options, `--workdir=${folder}`, image, program[0], ...program.slice(2)] as const
    roads.push({ ...slow, name: DOCKER, launches: Math.min(launches, DOCKER_LAUNCHES), command: [...command] })
  }
  roads.push({ ...slow, name: 'langrun run', command: [LANGRUN, 'langrun', 'run', script] })
  return roads
}

function roadBy(profile: string): string {
  return profile === 'home' ? './hello through binfmt' : `./hello through binfmt, ${profile}`
}

function row({ language }: Subject, name: string, summaries: ReadonlyMap<string, Summary>): Row {
  const own = summaries.get(name)!
  const shown = { group: language.name, what: name, unit: 'ms', ...own } as const
  if (name === FLOOR) return shown
  const floor = summaries.get(FLOOR)!.median
  const bubblewrap = summaries.get(BUBBLEWRAP)?.median
  const over = own.median - floor
  const ratio = bubblewrap === undefined ? {} : { ratio: over / (bubblewrap - floor) }
  const bounds: Bound[] = []
  for (const [profile, most] of Object.entries(MOST_OVER)) {
    if (name !== roadBy(profile)) continue
    bounds.push(bound('over floor, ms', most, over))
    if (profile === 'home' && bubblewrap !== undefined)
      bounds.push(bound("overhead, part of bubblewrap's", MOST_OF_BUBBLEWRAP, over / (bubblewrap - floor)))
  }
  return { ...shown, over, ...ratio, ...(bounds.length > 0 && { bounds }) }
}

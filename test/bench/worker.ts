/** Workers that launch a program and tell how long it took (measure.c), and the round-robin over them. */

import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** One way to run a script. */
export interface Contender {
  readonly name: string
  /** How many of the rounds it takes part in: slow ones are spread over all, so that they see the same machine. */
  readonly launches: number
  /** What to put before the worker's own command line: become a user, enter a root. */
  readonly enter: readonly string[]
  /** The worker's program, as `enter` finds it. */
  readonly worker: string
  readonly folder: string
  /** The program, its argv[0] and the rest. */
  readonly command: readonly [program: string, argv0: string, ...args: string[]]
  readonly environment: Readonly<Record<string, string>>
}

export interface Worker extends AsyncDisposable {
  /** @returns the two numbers that measure.c answers */
  ask(command: string): Promise<readonly [nanoseconds: number, result: number]>
  /** What has been written to stderr so far. */
  heard(): string
}

/** Static, for it also runs in an image's root. @returns its path */
export function compileWorker(folder: string): string {
  const worker = join(folder, 'measure')
  execFileSync('gcc', ['-O2', '-static', '-Wall', '-Wextra', '-o', worker, join(import.meta.dirname, 'measure.c')], { stdio: 'inherit' })
  return worker
}

export function startWorker({ enter, worker, folder, command, environment }: Contender): Worker {
  const [program, ...args] = [...enter, worker, folder, ...command] as [string, ...string[]]
  const child = spawn(program, args, { env: { ...environment } })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = new Promise((resolve) => child.once('exit', resolve))
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin.on('error', () => undefined) // it ended: ask says so
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`)
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`the worker for ${command.join(' ')} ended\n${stderr}`)
      const [nanoseconds, result] = value.split(' ').map(Number)
      return [nanoseconds!, result!]
    },
    heard: () => stderr,
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await ended
    },
  }
}

/** Launch each contender in turn, `rounds` times. @returns the milliseconds of each contender's launches @throws Error for a launch that fails or prints anything but `expected` */
export async function roundRobin(contenders: readonly Contender[], rounds: number, expected: string): Promise<number[][]> {
  await using stack = new AsyncDisposableStack()
  const runs = contenders.map((contender) => ({ contender, worker: stack.use(startWorker(contender)), times: [] as number[] }))
  for (const { contender, worker } of runs) {
    const [, status] = await worker.ask('check')
    // Its pipe may be read later than the answer's.
    for (let i = 0; i < 50 && worker.heard() !== expected; i++) await new Promise((resolve) => setTimeout(resolve, 10))
    if (status !== 0 || worker.heard() !== expected) {
      throw new Error(`${contender.name}: status ${status}, expected ${JSON.stringify(expected)}, got ${JSON.stringify(worker.heard())}`)
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const { contender, worker, times } of runs) {
      const isDue = Math.floor(((round + 1) * contender.launches) / rounds) > Math.floor((round * contender.launches) / rounds)
      if (!isDue) continue
      const [nanoseconds, status] = await worker.ask('measure')
      if (status !== 0) throw new Error(`${contender.name}: launch ${times.length + 1} ended with status ${status}\n${worker.heard()}`)
      times.push(nanoseconds / 1e6)
    }
  }
  return runs.map(({ times }) => times)
}

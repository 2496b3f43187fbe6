/**
 * One boot of a virtual machine, in software emulation: it starts, carries out steps and reboots, whereupon QEMU ends.
 *
 * The steps are a shell script on a second disk. The console is the first serial port: the steps can be read there among what the
 * kernel and systemd say. Each step's outcome comes out of the second one as a line
 *
 *     <name>,<status>,<stdout in base64>,<stderr in base64>
 */

import { spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readIfThere } from '../../src/base/files.ts'

export interface Machine {
  readonly kernel: string
  readonly disk: string
  /** For the files of one boot; nothing else uses it. */
  readonly folder: string
}

export interface Step {
  readonly as: string
  /** For a login shell. */
  readonly command: string
}

export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly status: number
}

export interface Boot<Name extends string> {
  readonly outcomes: Readonly<Record<Name, Outcome>>
  /** The steps as on a terminal, and how long it all took. */
  readonly transcript: string
}

const STEPS_BYTES = 1 << 20
const CONSOLE_TAIL = 4000

/** @param maxSeconds for all of it @throws Error with the end of the console if not every step was carried out in time */
export async function boot<Name extends string>(machine: Machine, maxSeconds: number, steps: Record<Name, Step>): Promise<Boot<Name>> {
  const { kernel, disk, folder } = machine
  const [script, console, findings] = ['steps', 'console', 'findings'].map((name) => join(folder, name)) as [string, string, string]
  for (const log of [console, findings]) rmSync(log, { force: true })
  const text = Buffer.from(scriptOf(steps))
  writeFileSync(script, Buffer.concat([text, Buffer.alloc(STEPS_BYTES - text.length)]))

  const started = performance.now()
  const end = await runQemu([...HARDWARE, ...kernelOf(kernel), ...disks(disk, script), ...serial(console, findings)], maxSeconds)
  const seconds = Math.round((performance.now() - started) / 1000)

  const outcomes = parseFindings(readIfThere(findings) ?? '')
  const missing = Object.keys(steps).find((name) => !outcomes.has(name))
  if (missing !== undefined) {
    const tail = (readIfThere(console) ?? '').slice(-CONSOLE_TAIL)
    throw new Error(`the machine did not finish the step "${missing}": ${end} after ${seconds} s, and its console ends so:\n${tail}`)
  }
  return { outcomes: Object.fromEntries(outcomes) as Record<Name, Outcome>, transcript: transcribe(steps, outcomes, seconds) }
}

const HARDWARE = [
  ...['-accel', 'tcg,thread=multi', '-machine', 'q35', '-smp', '2', '-m', '2048', '-nodefaults', '-display', 'none', '-no-reboot'],
  // QEMU 7.2 gets the flags of cmpxchg16b wrong now and then; Linux 6.12 then dies in its allocator. Without it, Linux does without.
  ...['-cpu', 'max,-cx16'],
  ...['-nic', 'user,model=virtio-net-pci', '-device', 'virtio-rng-pci'],
]

function kernelOf(kernel: string): string[] {
  // Mitigations would slow the emulation down and protect nobody.
  return ['-kernel', kernel, '-append', 'root=/dev/nvme0n1 rw console=ttyS0 panic=-1 quiet systemd.show_status=1 mitigations=off']
}

function disks(root: string, steps: string): string[] {
  // unsafe: the guest's syncs stay in the host's memory, where the next boot finds them.
  const drive = (id: string, file: string) => ['-drive', `if=none,id=${id},format=raw,cache=unsafe,file=${file}`]
  const devices = ['-device', 'nvme,drive=root,serial=root', '-device', 'virtio-blk-pci,drive=steps']
  return [...drive('root', root), ...drive('steps', steps), ...devices]
}

function serial(...files: readonly string[]): string[] {
  return files.flatMap((file) => ['-serial', `file:${file}`])
}

/** @returns how it ended */
function runQemu(args: readonly string[], maxSeconds: number): Promise<string> {
  // However this process ends, QEMU does not outlive it.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  let end = 'it ended by itself'
  const timer = setTimeout(() => {
    end = 'it was stopped'
    child.kill('SIGKILL')
  }, maxSeconds * 1000)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => {
      clearTimeout(timer)
      resolve(said === '' ? end : `${end}, QEMU said "${said.trim()}"`)
    })
  })
}

function scriptOf(steps: Record<string, Step>): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
  const calls = Object.entries(steps).map(([name, { as, command }]) => `step ${name} ${as} ${quote(command)}\n`)
  return `stty -F /dev/ttyS1 raw
step() {
  printf '\\n%s$ %s\\n' "$2" "$3" >/dev/console
  runuser -l "$2" -c "$3" >/run/stdout 2>/run/stderr </dev/null
  status=$?
  { cat /run/stdout /run/stderr; echo "[$status]"; } >/dev/console
  echo "$1,$status,$(base64 -w0 </run/stdout),$(base64 -w0 </run/stderr)" >/dev/ttyS1
}
${calls.join('')}systemctl --no-block reboot
`
}

function parseFindings(text: string): Map<string, Outcome> {
  const decode = (base64 = '') => Buffer.from(base64, 'base64').toString()
  const fields = text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(','))
  const whole = fields.filter(({ length }) => length === 4)
  return new Map(whole.map(([name = '', status, out, err]) => [name, { stdout: decode(out), stderr: decode(err), status: Number(status) }]))
}

function transcribe(steps: Record<string, Step>, outcomes: ReadonlyMap<string, Outcome>, seconds: number): string {
  const lines = Object.entries(steps).map(([name, { as, command }]) => {
    const { stdout, stderr, status } = outcomes.get(name)!
    return `${as}$ ${command}\n${stdout}${stderr}[${status}]`
  })
  return `${lines.join('\n')}\n(${seconds} s from power-on to reboot)`
}

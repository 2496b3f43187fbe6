/** A Docker Engine of the bench's own, where there is one to start: its own data, socket and pid file, no bridge, no firewall rules. */

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Engine {
  readonly client: string
  readonly address: string
  /** Make an image of a root file system of ours. @returns its name */
  importImage(name: string, rootfs: string): string
}

const START_MS = 20_000

/** @param stack stops it, also if it is still starting @param group who may use the socket @throws Error that says why there is none */
export async function startEngine(stack: AsyncDisposableStack, group: string): Promise<Engine> {
  const [daemon, client] = ['dockerd', 'docker'].map(find)
  if (daemon === undefined || client === undefined) throw new Error('dockerd or docker is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'langrun-bench-docker-'))
  execFileSync('chmod', ['755', folder])
  const address = `unix://${join(folder, 'docker.sock')}`
  const options = ['--host', address, '--group', group, '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'run')]
  options.push('--pidfile', join(folder, 'pid'), '--bridge', 'none', '--iptables=false', '--ip6tables=false')
  const log = join(folder, 'log')
  // Its own process group, so that Ctrl-C reaches it only through us and it can end its containers first.
  const child = spawn(daemon, options, { stdio: ['ignore', openSync(log, 'w'), openSync(log, 'a')], detached: true })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await ended
    }
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
    for (const path of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse()) spawnSync('umount', ['-l', path])
    rmSync(folder, { recursive: true, force: true })
  }

  stack.defer(stop)
  for (const end = Date.now() + START_MS; Date.now() < end && child.exitCode === null; await sleep(200)) {
    if (spawnSync(client, ['-H', address, 'version']).status !== 0) continue
    return { client, address, importImage }
  }
  const last = readFileSync(log, 'utf8').trim().split('\n').at(-1)
  throw new Error(`dockerd does not start: ${last}`)

  function importImage(name: string, rootfs: string): string {
    // What a plan makes by `link` steps: an image has /usr, /etc and /var alone.
    const links = mkdtempSync(join(folder, 'links-'))
    for (const alias of ['bin', 'sbin', 'lib', 'lib64'])
      if (existsSync(join(rootfs, 'usr', alias))) symlinkSync(`usr/${alias}`, join(links, alias))
    mkdirSync(join(links, 'tmp'))
    const archive = join(folder, 'image.tar')
    execFileSync('tar', ['-cf', archive, '--numeric-owner', '-C', rootfs, ...readdirSync(rootfs), '-C', links, ...readdirSync(links)])
    execFileSync(client!, ['-H', address, 'import', archive, name], { stdio: ['ignore', 'ignore', 'inherit'] })
    rmSync(archive)
    return name
  }
}

function find(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path))
}

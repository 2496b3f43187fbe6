/**
 * Shell commands as root of a user namespace with a binfmt_misc of its own (Linux 6.7): what they register, wipe and switch off is seen by
 * nobody else, and gone when they end.
 *
 * Root there is root outside as well, to whom the machine's own registry belongs. So /proc is a fresh one, which has no trace of it: what
 * unmounts ours (update-binfmts --disable does) finds an empty folder, not the machine's registry below.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LANGRUN, type Outcome } from './machine.ts'

export interface PrivateRegistry extends Disposable {
  /** A made-up host with systemd, whose /etc/binfmt.d langrun writes to. */
  readonly host: string
  readonly store: string
  /** Run commands with sh; the registry is empty at their start. `langrun` is there as a command. */
  run(commands: string, environment?: Readonly<Record<string, string>>): Outcome
}

/** What a run prints of the registry's whole state, in the kernel's own words. */
export const SHOW = 'cd /proc/sys/fs/binfmt_misc; for f in *; do [ $f = register ] || { echo "[$f]"; cat "$f"; }; done'

const NAMESPACES = ['-Urmpf', '--mount-proc', '--kill-child'] as const
/** Nothing below, and nothing in it: otherwise it is not ours. */
const ENTER = `set -- /proc/sys/fs/binfmt_misc
[ -z "$(ls -A $1)" ] && mount -t binfmt_misc none $1 && [ "$(ls $1 | tr '\\n' ' ')" = 'register status ' ] || exit 99
set --`

export function canHavePrivateRegistry(): boolean {
  return spawnSync('unshare', [...NAMESPACES, 'sh', '-c', ENTER]).status === 0
}

export function makePrivateRegistry(): PrivateRegistry {
  const folder = mkdtempSync(join(tmpdir(), 'langrun-registry-'))
  const [host, store] = [join(folder, 'host'), join(folder, 'store')]
  for (const path of ['run/systemd/system', 'usr/lib/systemd/systemd-binfmt', 'etc']) mkdirSync(join(host, path), { recursive: true })
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
    HOME: folder,
    LANGRUN_SYSTEM_STORE: store,
    LANGRUN_HOST_ROOT: host,
  }
  return {
    host,
    store,
    run(commands, environment = {}) {
      const all = `${ENTER}\nlangrun() { ${LANGRUN} "$@"; }\n${commands}\n`
      const options = { env: { ...env, ...environment }, cwd: folder, encoding: 'utf8' } as const
      const { stdout, stderr, status, signal } = spawnSync('unshare', [...NAMESPACES, 'sh', '-c', all], options)
      const clean = (text: string): string => text.replaceAll(folder, 'FOLDER')
      return { stdout: clean(stdout), stderr: clean(stderr), status, signal }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

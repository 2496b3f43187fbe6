/** The script that registers what is on paper, where the host has nothing that reads binfmt.d: plain sh, so that it needs no langrun. */

import type { Paper } from './paper.ts'

/** What brings entries back that are not there; those that are there stay as they are, for the kernel refuses a second one. */
export function registerCommands({ prefix }: Pick<Paper, 'prefix'>, registry = '/proc/sys/fs/binfmt_misc'): string {
  return `[ -e ${registry}/register ] || mount -t binfmt_misc binfmt_misc ${registry} 2>/dev/null
for file in /etc/binfmt.d/${prefix}*.conf; do
  [ -r "$file" ] || continue
  while IFS= read -r line; do
    case $line in '' | '#'* | ';'*) continue ;; esac
    # One write(2) a line; a name that is taken is refused, and stays as it is.
    printf '%s' "$line" 2>/dev/null > ${registry}/register
  done < "$file"
done
`
}

/** For OpenRC's local.d. */
export function localScript(paper: Pick<Paper, 'prefix'>): string {
  return `#!/bin/sh\n# Written by langrun: registers its formats at boot.\n${registerCommands(paper)}exit 0\n`
}

/** For sysvinit: with the header that insserv(8) and update-rc.d(8) read. */
export function initScript(paper: Pick<Paper, 'prefix'>, name: string): string {
  return `#!/bin/sh
### BEGIN INIT INFO
# Provides:          ${name}
# Required-Start:    $local_fs $remote_fs
# Required-Stop:
# Default-Start:     2 3 4 5
# Default-Stop:
# Short-Description: Formats that langrun registers with the kernel
# Description:       Writes /etc/binfmt.d/${paper.prefix}*.conf into the kernel's registry of binary formats.
### END INIT INFO

case $1 in
start | restart | force-reload) ;;
stop | status) exit 0 ;;
*) echo "usage: $0 start" >&2; exit 2 ;;
esac

${registerCommands(paper)}exit 0
`
}

/** For systemd without systemd-binfmt, and for hosts whose registry others wipe. */
export function systemdService(command: string): string {
  return `[Unit]
Description=Formats that langrun registers with the kernel
Documentation=https://docs.kernel.org/admin-guide/binfmt-misc.html
After=local-fs.target systemd-binfmt.service
RequiresMountsFor=/var

[Service]
Type=oneshot
ExecStart=${command}

[Install]
WantedBy=multi-user.target
`
}

export function systemdTimer(seconds: number): string {
  return `[Unit]
Description=Registers langrun's formats again if other software wiped the kernel's registry

[Timer]
OnActiveSec=${seconds}
OnUnitActiveSec=${seconds}
AccuracySec=1

[Install]
WantedBy=timers.target
`
}

export interface SupportFormat {
  /** Whose entry it is: `package` in the format's words. */
  readonly owner: string
  readonly interpreter: string
  readonly match: readonly string[]
  readonly flags: string
}

/** A file of /usr/share/binfmts. update-binfmts(8) knows no O: the launcher opens the script itself where O is missing. */
export function supportFormat({ owner, interpreter, match, flags }: SupportFormat): string {
  const yes = (flag: string): string => (flags.includes(flag) ? 'yes' : 'no')
  const lines = [`package ${owner}`, `interpreter ${interpreter}`, ...match]
  return [...lines, `credentials ${yes('C')}`, `preserve ${yes('P')}`, `fix_binary ${yes('F')}`, ''].join('\n')
}

/**
 * The floor under all launches: the interpreter itself, in a root that is there already.
 *
 * The worker's mount namespace ends with it, and nobody else has these mounts to copy.
 */

const ENTER = `
set -eu
rootfs=$1 root=$2 home=$3 uid=$4 worker=$5
mount -t tmpfs -o mode=755 langrun-bench "$root"
for name in usr etc var; do mkdir "$root/$name"; mount --bind "$rootfs/$name" "$root/$name"; done
for name in bin sbin lib lib64; do if [ -e "$rootfs/usr/$name" ]; then ln -s "usr/$name" "$root/$name"; fi; done
for name in proc dev tmp "$home"; do mkdir -p "$root/$name"; mount --rbind "/$name" "$root/$name"; done
cp "$worker" "$root/measure"
shift 5
exec chroot --userspec="$uid:$uid" --groups="$uid" "$root" "$@"
`

export interface FloorOptions {
  readonly rootfs: string
  /** An empty folder to assemble the root on. */
  readonly root: string
  readonly home: string
  readonly uid: number
  readonly worker: string
}

/** What to put before a worker's command line, so that it finds itself as the user in the image's root; there it is WORKER_INSIDE. */
export function enterFloor({ rootfs, root, home, uid, worker }: FloorOptions): string[] {
  return ['unshare', '--mount', 'sh', '-c', ENTER, 'sh', rootfs, root, home, String(uid), worker]
}

export const WORKER_INSIDE = '/measure'

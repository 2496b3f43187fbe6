#!/bin/sh
# Make sure of the system packages that the build (packages.sh build), the tests (packages.sh test) or the reboot test (packages.sh reboot)
# need, by apt where that is possible, else by saying which are missing.
set -eu

build='gcc:gcc strip:binutils make-header:linux-libc-dev libatomic:libatomic1'
cross='aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu cross-header:linux-libc-dev-arm64-cross'
test='busybox:busybox-static bwrap:bubblewrap qemu-aarch64-static:qemu-user-static setpriv:util-linux useradd:passwd mount:mount
  python3:python3 dpkg:dpkg openssl:openssl strace:strace pkill:procps xz:xz-utils c-header:libc6-dev
  cross-libc:libc6-dev-arm64-cross dockerd:docker.io update-binfmts:binfmt-support systemd-binfmt:systemd'
reboot='qemu-system-x86_64:qemu-system-x86 mmdebstrap:mmdebstrap mke2fs:e2fsprogs debian-keyring:debian-archive-keyring'

has() {
  case $1 in
    make-header) [ -e /usr/include/linux/sched.h ] ;;
    c-header) [ -e /usr/include/stdio.h ] ;;
    cross-libc) [ -e /usr/aarch64-linux-gnu/lib/libc.so.6 ] ;;
    systemd-binfmt) [ -x /usr/lib/systemd/systemd-binfmt ] || [ -x /lib/systemd/systemd-binfmt ] ;;
    cross-header) [ -e /usr/aarch64-linux-gnu/include/linux/sched.h ] ;;
    libatomic) ls /usr/lib*/libatomic.so.1 /usr/lib/*/libatomic.so.1 2>/dev/null | grep -q . ;;
    busybox) [ -x /bin/busybox ] || command -v busybox >/dev/null ;;
    debian-keyring) [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing() {
  for pair; do
    has "${pair%%:*}" || printf '%s ' "${pair#*:}"
  done
}

case ${1-build} in
  build) wanted=$(missing $build) && nice=$(missing $cross) ;;
  test) wanted=$(missing $build $cross $test) && nice= ;;
  reboot) wanted=$(missing $reboot) && nice= ;;
  *) echo "usage: packages.sh build|test|reboot" >&2 && exit 2 ;;
esac
[ -n "$wanted$nice" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing system packages: $wanted$nice" >&2
  apt-get update -qq >&2
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted $nice >&2
elif [ -n "$wanted" ]; then
  echo "langrun: cannot go on without these packages (their names on Debian): $wanted" >&2
  echo "  hint: sudo apt-get install $wanted" >&2
  exit 1
fi

#!/bin/sh
# Compile the launcher: build.sh x86_64|aarch64 OUT. The same sources and compiler give the same bytes.
set -eu
arch=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
case $arch in
  x86_64) prefix=x86_64-linux-gnu- machine=-fcf-protection=none ;;
  aarch64) prefix=aarch64-linux-gnu- machine=-mbranch-protection=none ;;
  *) echo "build.sh: unknown architecture $arch: x86_64 or aarch64" >&2; exit 2 ;;
esac
command -v "${prefix}gcc" >/dev/null || prefix=
cd "$here"
# One segment of code and constants: fewer pages to map, and nothing writable but the zeroed rest.
exec "${CC:-${prefix}gcc}" -std=gnu11 -O2 $machine -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
  -Wformat=2 -Werror -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-ident \
  -fno-pic -fno-pie -no-pie -fno-tree-loop-distribute-patterns -fno-common -ffunction-sections -fdata-sections -flto \
  -nostdlib -static -s -Wl,-z,noexecstack -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,--build-id=none -Wl,--gc-sections \
  -o "$out" sys.c main.c plan.c store.c shebang.c prepare.c namespaces.c pid.c mounts.c root.c seccomp.c env.c program.c lock.c script.c sha256.c die.c text.c

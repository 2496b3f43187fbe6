#!/bin/sh
# From a fresh clone to a Lisp file that runs by dot-slash. As root the kernel's registry serves the whole machine; as an ordinary user
# the same happens inside a user namespace (Linux 6.7 or later), with nothing changed outside your home.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n==> %s\n' "$*"; }

say 'System packages and development dependencies'
sh scripts/packages.sh build
[ -x node_modules/.bin/node ] && [ -d node_modules/esbuild ] || npm install --loglevel=error

say 'Building dist/langrun'
node_modules/.bin/node scripts/build.ts
ls -lh dist/langrun | awk '{ print $5, $NF }'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/hello.lisp" <<'LISP'
(format t "Hello from ~a, arguments ~s~%" (lisp-implementation-type) ext:*args*)
LISP
chmod +x "$folder/hello.lisp"
langrun=$PWD/dist/langrun

if [ "$(id -u)" = 0 ]; then
  say 'langrun install --system clisp'
  "$langrun" install --system clisp
  say 'langrun register'
  "$langrun" register
  say './hello.lisp a "b c"'
  (cd "$folder" && ./hello.lisp a "b c")
else
  say 'langrun install clisp'
  "$langrun" install clisp
  say "langrun shell -- ./hello.lisp a 'b c'"
  (cd "$folder" && "$langrun" shell -- ./hello.lisp a "b c")
fi

say "Done. Try: $langrun install python, then $langrun shell, and dot-slash a .py file"

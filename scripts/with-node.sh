#!/bin/sh
# Run a TypeScript file of ours with the Node that package.json names, installing the development dependencies first if a
# fresh clone has none. The machine's own Node only has to be able to run npm.
set -eu
cd "$(dirname "$0")/.."
[ -x node_modules/.bin/node ] && [ -d node_modules/esbuild ] || npm install --no-fund --no-audit --loglevel=error >&2
exec node_modules/.bin/node "$@"

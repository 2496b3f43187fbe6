#!/bin/sh
# All tests that CI runs: types, format and lint, then the rings. With LANGRUN_MUST_WORK=1 nothing is skipped in silence.
set -eu
cd "$(dirname "$0")/.."
sh scripts/packages.sh test
sh scripts/packages.sh reboot
sh scripts/with-node.sh scripts/build.ts
sh scripts/check.sh
exec node_modules/.bin/node test/run.ts unit kernel faults sample reboot

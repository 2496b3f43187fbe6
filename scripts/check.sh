#!/bin/sh
# Types, format, lint.
set -eu
cd "$(dirname "$0")/.."
node_modules/.bin/tsc -p .
node_modules/.bin/biome ci --error-on-warnings .

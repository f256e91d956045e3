#!/bin/sh
# Run the programs of benchmarks/, all of them or those named, and print their tables.
set -eu
cd "$(dirname "$0")/.."
scripts/install.sh dev
[ $# -gt 0 ] || set -- $(cd benchmarks && ls *.py | sed 's/\.py$//')
for name in "$@"; do
  printf '\n%s\n' "$name"
  .venv/bin/python "benchmarks/$name.py"
done

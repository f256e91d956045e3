#!/bin/sh
# Run the programs of benchmarks/, all of them or those named, and print their tables; options go to each of them.
set -eu
cd "$(dirname "$0")/.."
scripts/install.sh dev
names= options=
for word; do
  case $word in -*) options="$options $word" ;; *) names="$names $word" ;; esac
done
for name in ${names:-$(cd benchmarks && ls *.py | sed 's/\.py$//')}; do
  printf '\n%s\n' "$name"
  .venv/bin/python "benchmarks/$name.py" $options
done

#!/bin/sh
# Resolve pyproject.toml again and write the hash-locked requirements; extra arguments go to uv, like --upgrade.
set -eu
cd "$(dirname "$0")/.."
scripts/install.sh runtime
command -v uv >/dev/null || .venv/bin/python -m pip install --quiet uv
PATH="$PATH:$PWD/.venv/bin"
lock() { # lock FILE ARGUMENTS...
  file=$1; shift
  uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-package hud-local --custom-compile-command scripts/lock.sh \
    --annotation-style line --quiet --output-file "requirements/$file.txt" "$@"
}
lock dev --extra test "$@"
lock runtime --extra agents --constraint requirements/dev.txt
lock controller --extra agents --extra docker --extra controller --extra postgres --constraint requirements/dev.txt
lock dashboard --extra dashboard --constraint requirements/dev.txt

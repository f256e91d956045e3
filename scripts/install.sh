#!/bin/sh
# Make .venv and install what requirements/NAME.txt locks for each NAME given, with the project itself.
# Does nothing if nothing changed.
set -eu
cd "$(dirname "$0")/.."
for name; do set -- "$@" "requirements/$name.txt"; shift; done
stamp=.venv/installed-$(basename -s .txt "$@" | paste -sd-)
state=$(cat "$@" pyproject.toml scripts/install.sh | cksum)
[ -x .venv/bin/hud ] && [ "$state" = "$(cat "$stamp" 2>/dev/null)" ] && exit 0

new_enough() { command -v "$1" >/dev/null && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
if ! [ -x .venv/bin/pip ]; then
  for python in python3 python3.14 python3.13 python3.12 python3.11 none; do new_enough "$python" && break; done
  [ "$python" != none ] || { echo "error: no Python 3.11 or newer on the PATH" >&2; exit 1; }
  "$python" -m venv --clear .venv
fi
echo "installing $* into .venv …" >&2
pip() { .venv/bin/python -m pip --disable-pip-version-check install --quiet --no-deps "$@"; }
for lock; do pip --require-hashes -r "$lock"; done
pip --no-build-isolation -e .
echo "$state" >"$stamp"

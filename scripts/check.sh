#!/bin/sh
# Formatting, lint, types and import contracts: what has to hold before the tests are worth running.
set -eu
cd "$(dirname "$0")/.."
scripts/install.sh dev
PATH="$PWD/.venv/bin:$PATH"
ruff format --check .
ruff check .
mypy
lint-imports

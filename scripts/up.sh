#!/bin/sh
# Install what running needs into .venv, then evaluate the template's taskset with the oracle.
set -eu
cd "$(dirname "$0")/.."
scripts/install.sh runtime
exec .venv/bin/hud eval env_template/tasks.py oracle --full "$@"

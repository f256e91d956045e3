#!/bin/sh
# Install what the tests need into .venv, then run them; arguments go to pytest.
# The fast lane: scripts/test.sh -m "not slow and not docker and not e2e"
# Tests run on all cores; -n 0 runs them in one process.
set -eu
cd "$(dirname "$0")/.."
scripts/install.sh dev
.venv/bin/python -m compileall -q hud controller dashboard # processes that tests start write no bytecode
exec .venv/bin/python -m pytest -n auto --dist loadgroup "$@"

#!/bin/sh
# Bring the platform up, or see that it is: in containers where an engine with Compose answers, otherwise as
# processes of this machine. `--local` asks for processes, `--stop` ends what runs; data stays.
set -eu
cd "$(dirname "$0")/.."
state=.hud/up
say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $1"; say "hint: $2"; exit 1; }
setting() { # setting NAME DEFAULT: from the environment or `.env`
  value=$(printenv "$1" || sed -n "s/^$1=//p" .env 2>/dev/null | tail -n 1)
  printf '%s' "${value:-$2}"
}
mcp=$(setting HUD_MCP_PORT 8765)
api=$(setting HUD_API_PORT 8766)
dashboard=$(setting HUD_DASHBOARD_PORT 8501)

fetch() { # does URL answer with success?
  python3 -c 'import sys, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(sys.argv[1], timeout=2)' "$1" 2>/dev/null
}
is_up() { fetch "http://127.0.0.1:$api/api/v1/health" && fetch "http://127.0.0.1:$dashboard/_stcore/health"; }
is_running() { [ -f "$state/$1.pid" ] && kill -0 "$(cat "$state/$1.pid")" 2>/dev/null; }
has_compose() { docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; }

start() { # start NAME FOLDER COMMAND...: in a session of its own, so that it outlives this terminal
  name=$1 folder=$2 log=$PWD/$state/$1.log
  shift 2
  is_running "$name" && return 0
  (cd "$folder" && exec setsid "$@" >"$log" 2>&1 </dev/null) &
  echo $! >"$state/$name.pid"
}

up_local() {
  scripts/install.sh controller dashboard
  mkdir -p "$state"
  PATH=$PWD/.venv/bin:$PATH
  start controller . python -m controller
  HUD_API_URL=http://127.0.0.1:$api start dashboard dashboard \
    streamlit run streamlit_app.py --server.port "$dashboard"
  for _ in $(seq 240); do
    is_up && return 0
    is_running controller && is_running dashboard || break
    sleep 0.25
  done
  tail -n 12 "$state/controller.log" "$state/dashboard.log" >&2
  fail "the platform did not come up" "the lines above say why; scripts/up.sh --stop ends what is left"
}

stop_local() {
  for name in dashboard controller; do
    is_running "$name" || continue
    pid=$(cat "$state/$name.pid")
    kill "$pid"
    for _ in $(seq 80); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.25
    done
    kill -9 "$pid" 2>/dev/null || true
  done
  rm -f "$state/controller.pid" "$state/dashboard.pid"
}

stop() {
  stop_local
  ! has_compose || [ -z "$(docker compose ps --all --quiet 2>/dev/null)" ] || docker compose down
  say "stopped; data stays for the next start"
}

tell() { # tell HOW
  say "hud-local is up, $1"
  printf '%-12s%s\n' \
    dashboard "http://localhost:$dashboard" \
    "MCP" "http://localhost:$mcp/mcp" \
    "API" "http://localhost:$api/api/v1"
}

case ${1:-} in
  --stop) stop; exit 0 ;;
  '' | --local) ;;
  *) say "usage: scripts/up.sh [--local | --stop]"; exit 2 ;;
esac
if is_running controller || [ "${1:-}" = --local ] || ! has_compose; then
  up_local
  tell "as processes of this machine (logs in $state/); environments with a Dockerfile need an engine"
else
  docker compose up --build --detach --wait --wait-timeout 600 >&2 ||
    fail "docker compose could not start the platform" "docker compose logs; or scripts/up.sh --local"
  tell "in containers (docker compose logs --follow)"
fi

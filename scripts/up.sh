#!/bin/sh
# Bring the platform up, or see that it is: in containers where an engine with Compose answers, otherwise as
# processes of this machine. `--local` asks for processes, `--stop` ends what runs; data stays.
set -eu
cd "$(dirname "$0")/.."
state=.hud/up
example=letter-counter
say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $1"; say "hint: $2"; exit 1; }
setting() { # setting NAME DEFAULT: from the environment or `.env`
  value=$(printenv "$1" || sed -n "s/^$1=//p" .env 2>/dev/null | tail -n 1 | tr -d "\"'")
  printf '%s' "${value:-$2}"
}
mcp=$(setting HUD_MCP_PORT 8765)
api=$(setting HUD_API_PORT 8766)
dashboard=$(setting HUD_DASHBOARD_PORT 8501)

fetch() { # does URL answer with success?
  .venv/bin/python -c 'import sys, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(sys.argv[1], timeout=2)' \
    "$1" 2>/dev/null
}
is_up() { fetch "http://127.0.0.1:$api/api/v1/health" && fetch "http://127.0.0.1:$dashboard/_stcore/health"; }
command_of() { if [ -d /proc/self ]; then tr '\0' ' ' <"/proc/$1/cmdline"; else ps -p "$1" -o args=; fi 2>/dev/null; }
is_running() { # a number may belong to another process after the machine was started anew
  [ -f "$state/$1.pid" ] && case $(command_of "$(cat "$state/$1.pid")") in *"$2"*) ;; *) false ;; esac
}
controller_runs() { is_running controller "-m controller"; }
dashboard_runs() { is_running dashboard streamlit_app.py; }

find_compose() { # sets `missing` to what containers lack
  missing=
  if ! docker info >/dev/null 2>&1; then missing="no container engine answers"
  elif ! docker compose version >/dev/null 2>&1; then missing="the engine's command has no Compose"; fi
  [ -z "$missing" ]
}
find_socket() { # a rootless engine's socket is where the engine's context says
  where=$(setting DOCKER_HOST "$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || true)")
  case $where in
    unix:///run/user/*) HUD_DOCKER_SOCKET=$(setting HUD_DOCKER_SOCKET "${where#unix://}") && export HUD_DOCKER_SOCKET ;;
  esac
}

refuse_taken_ports() { # names the first port that somebody else listens at
  for name in HUD_API_PORT HUD_MCP_PORT HUD_DASHBOARD_PORT; do
    case $name in *API*) port=$api ;; *MCP*) port=$mcp ;; *) port=$dashboard ;; esac
    ! .venv/bin/python -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)' "$port" \
      2>/dev/null || fail "port $port is taken" "end what listens there (scripts/up.sh --stop?), or set $name in .env"
  done
}

start() { # start NAME FOLDER COMMAND...: so that it outlives this terminal
  name=$1 folder=$2 log=$PWD/$state/$1.log
  shift 2
  detach=$(command -v setsid || echo nohup)
  (cd "$folder" && exec "$detach" "$@" >"$log" 2>&1 </dev/null) &
  echo $! >"$state/$name.pid"
}

up_local() {
  scripts/install.sh controller dashboard
  mkdir -p "$state"
  PATH=$PWD/.venv/bin:$PATH
  controller_runs || dashboard_runs || refuse_taken_ports
  controller_runs || start controller . python -m controller
  dashboard_runs || HUD_API_URL=http://127.0.0.1:$api start dashboard dashboard \
    streamlit run streamlit_app.py --server.port "$dashboard"
  for _ in $(seq 240); do
    is_up && return 0
    controller_runs && dashboard_runs || break
    sleep 0.25
  done
  tail -n 12 "$state/controller.log" "$state/dashboard.log" >&2
  fail "the platform did not come up" "the lines above say why; scripts/up.sh --stop ends what is left"
}

up_containers() {
  mkdir -p "$state"
  find_socket
  docker compose build >&2 || fail "the images could not be built" "the lines above say why"
  docker compose up --detach --wait --wait-timeout 300 >"$state/compose.log" 2>&1 && return 0
  cat "$state/compose.log" >&2
  port=$(sed -n -e 's/.*127\.0\.0\.1:\([0-9]*\).*\(already allocated\|already in use\).*/\1/p' "$state/compose.log" | head -n 1)
  [ -z "$port" ] || fail "port $port is taken" "end what listens there, or set HUD_API_PORT, HUD_MCP_PORT or HUD_DASHBOARD_PORT in .env"
  fail "docker compose could not start the platform" "docker compose logs; or scripts/up.sh --local"
}

stop_local() {
  for name in dashboard controller; do
    "${name}_runs" || continue
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
  ! find_compose || [ -z "$(docker compose ps --all --quiet 2>/dev/null)" ] || docker compose down >&2
  say "stopped; data stays for the next start"
}

hud() { # the `hud` command beside the controller
  if [ "$1" = local ]; then shift; HUD_API_URL=http://127.0.0.1:$api .venv/bin/hud "$@"
  else shift; docker compose exec -T controller hud "$@"; fi
}

show_example() { # show_example WHERE: how the example was evaluated at the first start, once it was
  for _ in $(seq 120); do
    line=$(hud "$1" jobs --taskset "$example" --limit 1 2>/dev/null) || return 0
    case $line in *" running "*) sleep 1 ;; *) break ;; esac
  done
  printf '%s\n' "$line"
}

tell() { # tell WHERE HOW
  say "hud-local is up, $2"
  show_example "$1"
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
if [ "${1:-}" = --local ] || controller_runs; then
  up_local
  tell local "as processes of this machine (logs in $state/)"
elif find_compose; then
  up_containers
  tell containers "in containers (docker compose logs --follow)"
else
  say "$missing: starting processes of this machine instead"
  up_local
  tell local "as processes of this machine (logs in $state/); environments that need a system around them need an engine"
fi

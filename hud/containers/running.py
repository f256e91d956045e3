"""One container of a real engine. Keeps the contract `Container`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing, suppress
from typing import Any, Protocol

import anyio

from hud.containers.contract import ExecResult, State
from hud.containers.door import Door
from hud.containers.failures import Conflict, NotFound
from hud.containers.inspection import state_from
from hud.containers.output import Head, printable
from hud.containers.policy import NETWORKS
from hud.containers.spec import ContainerSpec
from hud.containers.stream import HijackedStdio, converse
from hud.containers.tunnel import HERE, Tunnel
from hud.errors import DockerFailure

LOG_LIMIT = 1_000_000
"""Characters of a container's log that are shown at most."""
_KILL_SECONDS = 15.0

# `docker-init` is in every container of ours. As a subreaper it keeps the command's orphans below
# it, so that the whole tree can be found from its process id, which is said on the first line of
# stderr.
_WRAPPER = 'echo $$ >&2; exec /sbin/docker-init -s -- "$@"'

# Stop the tree first, so that it cannot grow while it is being walked, then kill it. Uses only what
# every shell has built in, as the image may have nothing else. A child's status file holds: id
# (name) state parent …
_KILL_TREE = """
root=$1 known= rounds=0
below() {
  found= todo=$root
  while [ -n "$todo" ]; do
    next=
    for stat in /proc/[0-9]*/stat; do
      { read -r line <"$stat"; } 2>/dev/null || continue
      pid=${line%% *}
      set -- ${line##*) }
      case " $todo " in *" $2 "*) [ "$1" = Z ] || next="$next $pid" ;; esac
    done
    found="$found$next" todo=$next
  done
}
while below; [ -n "$found" ]; do
  [ $rounds -lt 200 ] || exit 1
  rounds=$((rounds + 1))
  [ "$found" = "$known" ] && signal=KILL || signal=STOP
  known=$found
  kill -$signal $found 2>/dev/null
done
exit 0
"""


class Keeper(Protocol):
    """Who made the container."""

    async def begin(self, container: EngineContainer) -> None:
        """Call `start_now` when it is the container's turn."""

    def forget(self, name: str) -> None:
        """Note that the container of that name is gone."""

    @property
    def is_enclosed(self) -> bool:
        """Whether it lives in a container itself, from where no network leads to others."""
        ...


class EngineContainer:
    """A container that the engine knows by `id`."""

    def __init__(
        self, door: Door, keeper: Keeper, identity: str, name: str, spec: ContainerSpec
    ) -> None:
        self._keeper = keeper
        self.id = identity
        self.name = name
        self.spec = spec
        self._door = door
        self._what = f"container `{name}` of `{spec.image}`"
        self._tunnels: dict[int, tuple[Tunnel, int]] = {}

    async def attach(self) -> HijackedStdio:
        path = f"/containers/{self.id}/attach?stream=1&stdin=1&stdout=1&stderr=1"
        return await self._door.streams(f"cannot attach to {self._what}", path)

    async def start(self) -> None:
        await self._keeper.begin(self)

    async def start_now(self) -> None:
        """Start it, however many others are starting.

        Raises:
            DockerFailure: the engine could not; the message holds its reason.
        """
        await self._door.change(f"cannot start {self._what}", self._door.client.start, self.id)

    async def _inspect(self) -> dict[str, Any]:
        what = f"cannot look at {self._what}"
        details: dict[str, Any] = await self._door.ask(
            what, self._door.client.inspect_container, self.id
        )
        return details

    async def state(self) -> State:
        return state_from(await self._inspect())

    async def address(self, port: int) -> tuple[str, int]:
        if self._keeper.is_enclosed:
            return await self._tunnelled(port)
        details = await self._inspect()
        network = self.spec.sandbox.network
        found = details["NetworkSettings"]
        published = (found["Ports"] or {}).get(f"{port}/tcp")
        if published:
            return published[0]["HostIp"], int(published[0]["HostPort"])
        inside = (found["Networks"] or {}).get(NETWORKS[network], {}).get("IPAddress")
        if network != "none" and inside:
            return str(inside), port
        reason = "it has no network" if network == "none" else details["State"]["Status"]
        raise DockerFailure(f"port {port} of {self._what} cannot be reached: {reason}")

    async def _tunnelled(self, port: int) -> tuple[str, int]:
        if port not in self._tunnels:
            state = await self.state()
            if not state.is_running:
                told = f"port {port} of {self._what} cannot be reached: {state.status}"
                raise DockerFailure(told)
            tunnel = Tunnel(self.open, port)
            self._tunnels[port] = tunnel, await tunnel.start()
        return HERE, self._tunnels[port][1]

    async def logs(self, lines: int = 200) -> str:
        what = f"cannot read the log of {self._what}"
        data: bytes = await self._door.ask(what, self._door.client.logs, self.id, tail=lines)
        return printable(data[-LOG_LIMIT:].decode(errors="replace"))

    async def open(self, command: Sequence[str]) -> HijackedStdio:
        return (await self._start_exec(list(command)))[1]

    async def execute(
        self, command: Sequence[str], *, seconds: float, stdin: bytes = b"", limit: int = 10_000_000
    ) -> ExecResult:
        stdout, stderr = Head(limit), Head(limit)
        wrapped = ["sh", "-c", _WRAPPER, "sh", *command]
        identity, stdio = await self._start_exec(wrapped, stderr)
        ended = False
        async with aclosing(stdio):
            try:
                with anyio.move_on_after(seconds):
                    await converse(stdio, stdin, stdout)
                    ended = True
            finally:
                if not ended:
                    await self._kill_tree(bytes(stderr.data))
        return ExecResult(
            exit_code=await self._exit_code(identity) if ended else None,
            stdout=bytes(stdout.data),
            stderr=bytes(stderr.data).partition(b"\n")[2],
            timed_out=not ended,
            dropped=stdout.dropped + stderr.dropped,
        )

    async def _start_exec(
        self, command: list[str], stderr: Head | None = None
    ) -> tuple[str, HijackedStdio]:
        what = f"cannot run `{command[0]}` in {self._what}"
        answer = await self._door.change(
            what, self._door.client.exec_create, self.id, command, stdin=True
        )
        path = f"/exec/{answer['Id']}/start"
        body = {"Detach": False, "Tty": False}
        return answer["Id"], await self._door.streams(what, path, body, stderr)

    async def _exit_code(self, identity: str) -> int | None:
        what = f"cannot look at a command in {self._what}"
        details = await self._door.ask(what, self._door.client.exec_inspect, identity)
        code: int | None = details["ExitCode"]
        return code

    async def _kill_tree(self, stderr: bytes) -> None:
        """End a command and all that it started, or the container if that cannot be done from
        inside. The command's first line on stderr is its process id.
        """
        with (
            suppress(DockerFailure, TimeoutError, ValueError),
            anyio.fail_after(_KILL_SECONDS, shield=True),
        ):
            root = int(stderr.partition(b"\n")[0])
            command = ["sh", "-c", _KILL_TREE, "sh", str(root)]
            identity, killer = await self._start_exec(command)
            async with aclosing(killer):
                await converse(killer, b"", Head(0))
            if await self._exit_code(identity) == 0:
                return
        with anyio.CancelScope(shield=True):
            await self.kill()
        raise DockerFailure(f"a command in {self._what} took too long and could not be ended alone")

    async def wait(self) -> State:
        what = f"cannot wait for {self._what}"
        path = f"/containers/{self.id}/wait"
        async with aclosing(self._door.follow(what, "POST", path)) as pieces:
            async for _ in pieces:
                pass
        return await self.state()

    async def stop(self) -> None:
        with suppress(NotFound):
            what = f"cannot stop {self._what}"
            client = self._door.client
            await self._door.change(what, client.stop, self.id, timeout=self.spec.stop_seconds)

    async def kill(self, signal: str = "KILL") -> None:
        with suppress(NotFound, Conflict):
            await self._door.change(
                f"cannot kill {self._what}", self._door.client.kill, self.id, signal
            )

    async def pause(self) -> None:
        await self._door.change(f"cannot pause {self._what}", self._door.client.pause, self.id)

    async def unpause(self) -> None:
        await self._door.change(f"cannot unpause {self._what}", self._door.client.unpause, self.id)

    async def remove(self) -> None:
        for tunnel, _ in self._tunnels.values():
            await tunnel.aclose()
        await remove_container(self._door, self.id)
        self._keeper.forget(self.name)


async def remove_container(door: Door, identity: str) -> None:
    """Kill and remove a container with its anonymous volumes, by id or name; that it is gone
    already is fine.
    """
    with suppress(NotFound, Conflict):
        await door.change(
            f"cannot remove container `{identity}`",
            door.client.remove_container,
            identity,
            v=True,
            force=True,
        )

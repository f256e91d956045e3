"""The worker host: imports libraries and the author's module once, then forks a child for each
rollout.

Orders: `load` (import the tasks), `fork` (play a rollout in a child), `run` (play it in this
process, where forking is unsafe). With `fork` and `run` come two descriptors: the rollout's socket
and the pipe that takes what it prints.

Run as `python -m hud.runtime.host FD`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import importlib
import io
import os
import random
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from hud.environment import Environment
from hud.environment.session import Connection, Session
from hud.errors import HudError, UserError, describe, error_data
from hud.runtime.claims import Claims
from hud.runtime.forkserver import ForkServer, Order, fork_hazard, kill_descendants, leave
from hud.runtime.local import environment_of
from hud.runtime.privileges import step_down
from hud.runtime.rehearsal import rehearse
from hud.runtime.scratch import Scratch
from hud.runtime.wire import WireServer
from hud.task import Task

CLOSING_GRACE = 5.0
"""Seconds that `finally` blocks and shutdown hooks may take after a rollout."""


class Host:
    """The host's state: the tasks that are loaded, and the server that forks for them."""

    def __init__(self, control: socket.socket) -> None:
        self.tasks: list[Task] = []
        self._scratch = Scratch()
        handlers = {"load": self._load, "fork": self._fork, "run": self._run}
        self._server = ForkServer(control, handlers)

    def serve(self) -> None:
        """Work until the control socket ends."""
        self._server.serve()
        self._scratch.remove()

    def _load(self, order: Order) -> None:
        """Load the tasks, and do not outlive the parent even where that never ends."""
        self._server.die_with_parent(signal.SIGKILL)
        self._load_tasks(order)
        self._server.die_with_parent(0)

    def _load_tasks(self, order: Order) -> None:
        """Load the tasks and tell what they are; a failure is told, and ends nothing."""
        module, _, name = order["loader"].partition(":")
        try:
            function: Callable[..., list[Task]] = getattr(importlib.import_module(module), name)
            with self._scratch.recording():
                self.tasks = function(**order["arguments"])
            described = [task.to_json() for task in self.tasks]
        except HudError as exc:
            self._server.tell(event="failed", message=exc.message, data=error_data(exc))
            return
        except Exception as exc:  # noqa: BLE001 - a bug of ours: told with its traceback
            data = {"kind": "EnvironmentFailure", "detail": traceback.format_exc()}
            self._server.tell(event="failed", message=describe(exc), data=data)
            return
        warm_up(self.tasks)
        unsafe = fork_hazard() or self._scratch.hazard
        self._server.tell(event="loaded", tasks=described, unsafe=unsafe)
        gc.collect()
        gc.freeze()

    def _fork(self, order: Order) -> None:
        connection, output = self._server.take(), self._server.take()
        run = functools.partial(self._play, order, connection, output)
        self._server.fork(order["id"], run, close=[connection, output])

    def _run(self, order: Order) -> None:
        """Play the rollout in this process, then end it."""
        connection, output = self._server.take(), self._server.take()
        self._server.detach()
        self._play(order, connection, output)
        kill_descendants()
        self._scratch.remove()
        leave(0)

    def _play(self, order: Order, connection: int, output: int) -> None:
        _redirect_output(output)
        _bound_memory(order["memory"])
        _seed(order["seed"])
        claims = Claims(Path(order["claims"]))
        asyncio.run(play(self.tasks[order["task"]], socket.socket(fileno=connection)))
        claims.settle()


def warm_up(tasks: list[Task]) -> None:
    """Do now, once, what every child would do again: build schemas, import backends, run code for
    the first time.

    Nothing of the author's is called, and no event loop or thread is left behind.
    """
    importlib.import_module("anyio._backends._asyncio")
    found = {id(task.env): task.env for task in tasks if isinstance(task.env, Environment)}
    for source in (source for env in found.values() for source in env.sources):
        for name in ("hud.environment.mcp_client", *source.imports):
            with contextlib.suppress(ImportError):  # told by the rollout that needs it
                importlib.import_module(name)
    for env in found.values():
        with contextlib.suppress(Exception):  # a broken schema is told by the rollout that needs it
            env.tool_definitions()
            env.prompt_definitions()
            env.resource_definitions()
    with contextlib.suppress(
        Exception
    ):  # what the author's module did to asyncio, say, is told by rollouts, too
        rehearse(play)


async def play(task: Task, connection: socket.socket) -> None:
    """Serve one rollout on `connection` until its other end closes, then shut the environment
    down.
    """
    env = environment_of(task)
    session = Session(env)
    entered = False

    async def open_session() -> Connection:
        nonlocal entered
        await env.__aenter__()
        entered = True
        return session

    server = WireServer(open_session)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(lambda: server.protocol, sock=connection)
    await server.finished.wait()
    async with asyncio.timeout(CLOSING_GRACE):
        await session.close()
        if entered:
            await env.__aexit__(None, None, None)
    transport.close()


def _redirect_output(descriptor: int) -> None:
    """Send everything that this process and its children print to the rollout's log."""
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _bound_memory(limit: int) -> None:
    """Bound the private memory of this process, and let the kernel pick it first when memory runs
    out.
    """
    _, highest = resource.getrlimit(resource.RLIMIT_DATA)
    if limit and (highest == resource.RLIM_INFINITY or limit < highest):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with contextlib.suppress(OSError):
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(descriptor, b"1000")
        os.close(descriptor)


def _seed(seed: str) -> None:
    """Seed the random generators: from `seed`, or freshly, since a fork would repeat the host's
    numbers.
    """
    random.seed(seed or None)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(random.Random(seed or None).randrange(2**32))


def main() -> None:
    """Serve the control socket whose descriptor is the first argument."""
    try:
        control = socket.socket(fileno=int(sys.argv[1]))
    except (IndexError, ValueError, OSError) as exc:
        raise UserError("the worker host is started by `hud eval`, not by hand") from exc
    step_down()
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    Host(control).serve()
    leave(0)


if __name__ == "__main__":
    main()

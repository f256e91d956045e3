"""The worker host: imports libraries and the author's module once, then forks a child for each rollout.

1. Single-threaded and without an event loop, so that forking is safe; where the author's module makes it unsafe, the
   reason is reported and each rollout gets a fresh interpreter instead.
2. Orders arrive on a control socket, one JSON object a line: `load`, `fork`, `run` (in this process), `kill`. With `fork`
   and `run` come two descriptors: the rollout's socket and the pipe that takes what it prints.
3. A child is a process group of its own that dies with the host; what it leaves behind is killed when it exits.
4. The end of the control socket ends the host.

Run as `python -m hud.runtime.host FD`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import resource
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hud.environment import Environment
from hud.environment.session import Connection, Session
from hud.errors import HudError, UserError, error_data
from hud.runtime.local import environment_of
from hud.runtime.wire import WireServer
from hud.task import Task

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent dies."""
CLOSING_GRACE = 5.0
"""Seconds that `finally` blocks and shutdown hooks may take after a rollout."""
FORK_SAFE_LIBRARIES = ("openblas", "libmkl", "libgomp", "libiomp", "libomp")
"""Thread pools that restart themselves in a forked child."""


class Host:
    """The host's state: the loaded tasks and the children that are running."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.tasks: list[Task] = []
        self._children: dict[int, int] = {}
        self._buffer = b""
        self._descriptors: list[int] = []
        self._libc = _libc()
        self._wakeup_read, self._wakeup_write = os.pipe()

    def serve(self) -> None:
        """Work until the control socket ends."""
        os.set_blocking(self._wakeup_read, False)
        os.set_blocking(self._wakeup_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        while True:
            readable, _, _ = select.select([self.control, self._wakeup_read], [], [])
            if self._wakeup_read in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wakeup_read, 4096)
                self._reap()
            if self.control in readable and not self._receive():
                self._kill_all()
                return

    def _receive(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self.control, 65536, 64)
        if not data:
            return False
        self._descriptors += descriptors
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return True

    def _tell(self, **event: Any) -> None:
        self.control.sendall(json.dumps(event).encode() + b"\n")

    def _obey(self, order: dict[str, Any]) -> None:
        match order["op"]:
            case "load":
                self._load(order["loader"], order["arguments"])
            case "fork":
                self._fork(order)
            case "run":
                self._run(order)
            case "kill":
                self._kill(order["id"])

    def _load(self, loader: str, arguments: dict[str, Any]) -> None:
        """Load the tasks and tell what they are; a failure is told, and ends nothing."""
        module, _, name = loader.partition(":")
        try:
            function: Callable[..., list[Task]] = getattr(importlib.import_module(module), name)
            self.tasks = function(**arguments)
        except HudError as exc:
            self._tell(event="failed", message=exc.message, data=error_data(exc))
            return
        except Exception as exc:  # noqa: BLE001 - a bug of ours: told with its traceback
            self._tell(event="failed", message=repr(exc), data={"kind": "EnvironmentFailure", "detail": traceback.format_exc()})
            return
        described = [task.to_json() for task in self.tasks]
        warm_up(self.tasks)
        self._tell(event="loaded", tasks=described, unsafe=fork_hazard())
        gc.collect()
        gc.freeze()

    def _fork(self, order: dict[str, Any]) -> None:
        connection, output = self._descriptors.pop(0), self._descriptors.pop(0)
        pid = os.fork()
        if pid == 0:
            self._become_child(order, connection, output)
        os.close(connection)
        os.close(output)
        self._children[pid] = order["id"]
        self._tell(event="forked", id=order["id"], pid=pid)

    def _become_child(self, order: dict[str, Any], connection: int, output: int) -> None:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.control.close()
            os.close(self._wakeup_read)
            os.close(self._wakeup_write)
            self._play(order, connection, output)
        except BaseException:  # noqa: BLE001 - nothing may return into the host's loop
            traceback.print_exc()
            _exit(70)
        _exit(0)

    def _run(self, order: dict[str, Any]) -> None:
        """Play the rollout in this process, then end it."""
        connection, output = self._descriptors.pop(0), self._descriptors.pop(0)
        self._play(order, connection, output)
        _exit(0)

    def _play(self, order: dict[str, Any], connection: int, output: int) -> None:
        os.setsid()
        if self._libc is not None:
            self._libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _redirect_output(output)
        _bound_memory(order["memory"])
        _seed(order["seed"])
        asyncio.run(play(self.tasks[order["task"]], socket.socket(fileno=connection)))

    def _reap(self) -> None:
        """Report every child that ended, and kill what it left running."""
        while self._children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            rollout = self._children.pop(pid, None)
            if rollout is not None:
                self._tell(event="exited", id=rollout, status=os.waitstatus_to_exitcode(status))

    def _kill(self, rollout: int) -> None:
        for pid, running in self._children.items():
            if running == rollout:
                _kill_group(pid)

    def _kill_all(self) -> None:
        for pid in self._children:
            _kill_group(pid)


def warm_up(tasks: list[Task]) -> None:
    """Do now, once, what every child would do again: build schemas, import the event loop's backend.

    Nothing of the author's is called, and no event loop or thread is left behind.
    """
    importlib.import_module("anyio._backends._asyncio")
    if any(isinstance(task.env, Environment) and task.env.sources for task in tasks):
        importlib.import_module("hud.environment.mcp_client")
    for env in {id(task.env): task.env for task in tasks if isinstance(task.env, Environment)}.values():
        with contextlib.suppress(Exception):  # a broken schema is told by the rollout that needs it
            env.tool_definitions()
            env.prompt_definitions()
            env.resource_definitions()
    asyncio.run(asyncio.sleep(0))


async def play(task: Task, connection: socket.socket) -> None:
    """Serve one rollout on `connection` until its other end closes, then shut the environment down."""
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


def fork_hazard() -> str | None:
    """Why forking now would be unsafe, or None: threads other than this one do not survive a fork."""
    if not hasattr(os, "fork") or sys.platform == "darwin":
        return "this platform cannot fork safely"
    python_threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if python_threads:
        return f"the module starts the thread `{python_threads[0]}` when it is imported"
    native = len(os.listdir("/proc/self/task")) - 1 if Path("/proc/self/task").is_dir() else 0
    if native and not any(name in Path("/proc/self/maps").read_text() for name in FORK_SAFE_LIBRARIES):
        return f"a library starts {native} threads when it is imported"
    return None


def _libc() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None


def _redirect_output(descriptor: int) -> None:
    """Send everything that this process and its children print to the rollout's log."""
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr] - replaced streams may lack it


def _bound_memory(limit: int) -> None:
    """Bound the private memory of this process, and let the kernel pick it first when memory runs out."""
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _seed(seed: str) -> None:
    """Seed the random generators: from `seed`, or freshly, since a fork would repeat the host's numbers."""
    value = seed or os.urandom(16).hex()
    random.seed(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(random.Random(value).randrange(2**32))


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _exit(status: int) -> None:
    """Leave without the interpreter's teardown: the process is a copy, and its memory goes with it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def main() -> None:
    """Serve the control socket whose descriptor is the first argument."""
    try:
        control = socket.socket(fileno=int(sys.argv[1]))
    except (IndexError, ValueError, OSError) as exc:
        raise UserError("the worker host is started by `hud eval`, not by hand") from exc
    os.dup2(2, 1)
    Host(control).serve()


if __name__ == "__main__":
    main()

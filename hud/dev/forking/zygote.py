"""The zygote: it keeps the libraries loaded and forks each new version of an environment.

Orders: `warm` (import the third-party modules that the environment imported last time, under the
variables that it had set for them), `serve`
(fork a child that imports the author's modules afresh and serves the environment), `become` (do so
in this process, where forking is unsafe). With `serve` and `become` comes a pipe, on which the
version says, in one JSON line, what it loaded or why it could not; and where the version is one
client's own, the socket of that client, which it speaks with instead of listening.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import importlib
import io
import json
import os
import socket
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from hud.dev.forking.fresh import read_sources_below
from hud.dev.forking.rehearsal import rehearse
from hud.dev.forking.serving import serve
from hud.environment.environment import Environment
from hud.environment.modules import find_environment
from hud.environment.server import serve as serve_client
from hud.errors import EnvironmentFailure, HudError, describe, error_data
from hud.runtime.forkserver import ForkServer, Order, fork_hazard, leave
from hud.runtime.privileges import step_down

BACKLOG = 1024


class Zygote:
    """Obeys the dev session."""

    def __init__(self, control: socket.socket) -> None:
        handlers = {"warm": self._warm, "serve": self._serve, "become": self._become}
        self._server = ForkServer(control, handlers)
        self._modules: set[str] = set()
        self._is_rehearsed = False

    def run(self) -> None:
        """Work until the control socket ends."""
        importlib.import_module("anyio._backends._asyncio")
        self._modules = set(sys.modules)
        gc.freeze()  # to look for garbage first would delay the first version
        self._server.serve()

    def _warm(self, order: Order) -> None:
        if not self._is_rehearsed:
            self._is_rehearsed = True
            with contextlib.suppress(Exception):  # all that is lost is time
                rehearse()
        before = dict(os.environ)
        os.environ.update(order["variables"])
        for name in order["modules"]:
            # What cannot be imported alone is imported by the child.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        for name in order["variables"]:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
        self._settle()
        self._server.tell(event="warmed", unsafe=fork_hazard())

    def _settle(self) -> None:
        """Note what is loaded, and let children share its memory."""
        self._modules = set(sys.modules)
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def _serve(self, order: Order) -> None:
        descriptors = self._take(order)
        run = functools.partial(self._play, order, *descriptors)
        self._server.fork(order["id"], run, close=descriptors)

    def _become(self, order: Order) -> None:
        descriptors = self._take(order)
        self._server.detach()
        self._play(order, *descriptors)
        leave(0)

    def _take(self, order: Order) -> list[int]:
        """The descriptors that came with an order: of the pipe, and of the client's socket."""
        return [self._server.take() for _ in range(1 if order["listen"] is not None else 2)]

    def _play(self, order: Order, descriptor: int, client: int | None = None) -> None:
        """Load the environment, serve it until told to stop, and say so, or why not."""
        gc.enable()
        status = Status(descriptor)
        root, before = Path(order["root"]), dict(os.environ)
        try:
            env = load(order["target"], root)
            listener = listen(order["listen"]) if client is None else None
            loaded = {
                "event": "loaded",
                "name": env.name,
                "port": port_of(listener) if listener is not None else 0,
                "modules": foreign(set(sys.modules) - self._modules, root),
                "variables": dict(os.environ.items() - before.items()),
            }
            told = functools.partial(status.tell, loaded)
            if listener is not None:
                asyncio.run(serve(env, listener, told, plays=order["plays"]))
            elif client is not None:
                told()
                asyncio.run(serve_client(env, "stdio", streams=(client, os.dup(client))))
        except Exception as exc:
            if status.was_told:
                raise
            status.tell(describe_failure(first(exc)))


class Status:
    """The pipe on which a version says, once, what became of it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.was_told = False

    def tell(self, event: dict[str, Any]) -> None:
        """Say it; that nobody waits any more is fine."""
        self.was_told = True
        with contextlib.suppress(OSError), open(self._descriptor, "wb") as pipe:
            pipe.write(json.dumps(event).encode() + b"\n")


def load(target: str | None, root: Path) -> Environment:
    """The environment as its files are now; everything that clients may ask for has been put
    together once.

    Raises:
        HudError: it cannot be imported, or there is none.
    """
    os.chdir(root)
    sys.path.insert(0, str(root))
    read_sources_below(root)
    env = find_environment(target)
    try:
        _ = env.tool_definitions(), env.prompt_definitions()
    except (TypeError, ValueError) as exc:
        raise EnvironmentFailure(f"environment `{env.name}`: {describe(exc)}") from exc
    return env


def listen(where: str | int) -> socket.socket:
    """A listening socket: on a unix socket's path, or on a TCP port of every interface, 0 for a
    free one.
    """
    if isinstance(where, int):
        return socket.create_server(("", where), backlog=BACKLOG)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(where)
    listener.listen(BACKLOG)
    return listener


def port_of(listener: socket.socket) -> int:
    """The TCP port of a listening socket; 0 for a unix socket."""
    return 0 if listener.family == socket.AF_UNIX else int(listener.getsockname()[1])


def describe_failure(error: BaseException) -> dict[str, Any]:
    """What a version says that could not be loaded."""
    if isinstance(error, HudError):
        return {"event": "failed", "message": error.message, "data": error_data(error)}
    trace = "".join(traceback.format_exception(error))
    data = error_data(EnvironmentFailure("", detail=trace))
    return {"event": "failed", "message": describe(error), "data": data}


def first(error: BaseException) -> BaseException:
    """The first error in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def foreign(names: set[str], root: Path) -> list[str]:
    """The modules among `names` that are not the author's, in the order in which they were
    imported.
    """
    return [name for name in sys.modules if name in names and _is_foreign(sys.modules[name], root)]


def _is_foreign(module: ModuleType, root: Path) -> bool:
    """Whether a module comes from an installed library rather than from below the author's
    folder.
    """
    file = getattr(module, "__file__", None)
    if file is None:
        return False
    path = Path(file).resolve()
    is_installed = any(part in ("site-packages", "dist-packages") for part in path.parts)
    return is_installed or not path.is_relative_to(root)


def main() -> None:
    """Serve the control socket whose descriptor is the first argument."""
    control = socket.socket(fileno=int(sys.argv[1]))
    step_down()
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    Zygote(control).run()

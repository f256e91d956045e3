"""The zygote of the dev loop: it keeps the libraries loaded and forks each new version of an environment.

Orders: `warm` (import the third-party modules that the environment imported last time), `serve` (fork a child that imports the
author's modules afresh and serves the environment on a unix socket). With `serve` comes the descriptor of a pipe on which the
child says, in one JSON line, what it loaded or why it could not.

Run as `python -m hud.dev.zygote FD`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import importlib
import json
import os
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hud.environment.modules import find_environment
from hud.environment.server.http import HttpOptions, serve_listener
from hud.errors import HudError, describe, error_data
from hud.runtime.forkserver import ForkServer, Order, fork_hazard, leave

BACKLOG = 1024


class Zygote:
    """Obeys the dev session."""

    def __init__(self, control: socket.socket) -> None:
        handlers = {"warm": self._warm, "serve": self._serve, "become": self._become}
        self._server = ForkServer(control, handlers)
        self._modules = set(sys.modules)

    def serve(self) -> None:
        """Work until the control socket ends."""
        importlib.import_module("anyio._backends._asyncio")
        self._server.serve()

    def _warm(self, order: Order) -> None:
        for name in order["modules"]:
            with contextlib.suppress(
                Exception
            ):  # what cannot be imported alone is imported by the child
                importlib.import_module(name)
        self._modules = set(sys.modules)
        gc.collect()
        gc.freeze()
        self._server.tell(event="warmed", unsafe=fork_hazard())

    def _serve(self, order: Order) -> None:
        status = self._server.take()
        run = functools.partial(self._play, order, status)
        self._server.fork(order["id"], run, close=[status])

    def _become(self, order: Order) -> None:
        """Serve in this process, where forking is unsafe."""
        status = self._server.take()
        self._server.detach()
        self._play(order, status)
        leave(0)

    def _play(self, order: Order, status: int) -> None:
        """Load the environment, say so, and serve it until told to stop."""
        sys.path.insert(0, os.getcwd())
        try:
            env = find_environment(order["target"])
            _ = env.tool_definitions(), env.prompt_definitions()
        except HudError as exc:
            _say(status, event="failed", message=exc.message, data=error_data(exc))
            return
        except Exception as exc:  # noqa: BLE001 - a declaration that only shows its mistake when it is listed
            _say(status, event="failed", message=describe(exc), data=None)
            return
        listener = _listen(order["socket"])
        foreign = _foreign(set(sys.modules) - self._modules, Path(order["root"]))
        loaded = {"tools": len(env.tools), "scenarios": list(env.scenarios), "name": env.name}
        _say(status, event="loaded", modules=foreign, **loaded)
        asyncio.run(_serve_until_told(env, listener))


async def _serve_until_told(env: Any, listener: socket.socket) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await serve_listener(env, HttpOptions(), listener)


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(BACKLOG)
    return listener


def _say(status: int, **event: Any) -> None:
    os.write(status, json.dumps(event).encode() + b"\n")
    os.close(status)


def _foreign(names: set[str], root: Path) -> list[str]:
    """The modules among `names` that are not the author's, in the order in which they were imported."""
    return [name for name in sys.modules if name in names and _is_foreign(sys.modules[name], root)]


def _is_foreign(module: ModuleType, root: Path) -> bool:
    """Whether a module comes from an installed library rather than from below the author's folder."""
    file = getattr(module, "__file__", None)
    if file is None:
        return False
    path = Path(file).resolve()
    is_installed = any(part in ("site-packages", "dist-packages") for part in path.parts)
    return is_installed or not path.is_relative_to(root)


def main() -> None:
    """Serve the control socket whose descriptor is the first argument."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.dup2(2, 1)
    Zygote(control).serve()


if __name__ == "__main__":
    main()

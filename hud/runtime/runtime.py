"""The protocol of runtimes: each starts an instance of a task's environment and hands back a
connection to it.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from hud.environment.session import Connection
from hud.task import Task


class Instance(Protocol):
    """One running instance, for one rollout."""

    @property
    def connection(self) -> Connection:
        """The connection to the instance."""
        ...

    @property
    def log(self) -> str:
        """What the instance printed so far, the end of it where it is long."""
        ...


class Runtime(Protocol):
    """Starts instances. Entering an instance's context starts it, leaving stops it and cleans
    up.
    """

    def start(self, task: Task, *, seed: str) -> AbstractAsyncContextManager[Instance]:
        """An instance of `task`'s environment; `seed` seeds random generators where the runtime
        isolates them.

        Raises (on entering): StartFailure, InitializeFailure, ConnectionFailure.
        """
        ...

    async def aclose(self) -> None:
        """Stop whatever is still running."""
        ...

"""Replicas: rollouts that must not share an environment's connections each get one of it.

A replica has the same declarations, but connections and hooks that run for it alone. The author's
code names the environment that it declared; in a rollout that name stands for the replica.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hud.environment.environment import Environment

stand_ins: ContextVar[Mapping[int, Environment]] = ContextVar(
    "stand_ins", default=MappingProxyType({})
)
"""By the identity of an environment, the replica that it stands for here."""


@asynccontextmanager
async def replica_of(env: Environment) -> AsyncIterator[Environment]:
    """A replica, connected and initialized; `env` stands for it until the context is left."""
    replica = env.replica()
    before = stand_ins.get()
    stand_ins.set({**before, id(env): replica})
    try:
        async with replica:
            yield replica
    finally:
        stand_ins.set(before)

"""Scenarios of one function, for tests that play them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from hud import Environment
from hud.environment.session import Session

Play = AsyncGenerator[Any, Any]


def playing(function: Callable[..., Play], **options: Any) -> Session:
    """A session of an environment whose only scenario is `it`."""
    env = Environment("test")
    env.scenario("it", **options)(function)
    return Session(env)

"""`hud.trace` and `hud.instrument`, as code that was written for a hosted service calls them.

Rollouts record what happens by themselves; nothing is sent anywhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from hud.eval.context import EvalContext
from hud.eval.manager import NoConnection, eval
from hud.task import Task

F = TypeVar("F", bound=Callable[..., Any])


class Tracing:
    """A named stretch of work, as `with` or as `async with`; it gives an `EvalContext`."""

    def __init__(self, source: Any, options: dict[str, Any]) -> None:
        self._block = None if source is None else eval(source, **options)
        self._context = EvalContext(
            Task(args={}),
            NoConnection(),
            eval_name=options.get("name"),
            trace_id=options.get("trace_id"),
            job_id=options.get("job_id"),
            group_id=options.get("group_id"),
        )

    def __enter__(self) -> EvalContext:
        return self._context

    def __exit__(self, kind: Any, exc: BaseException | None, where: Any) -> None:
        self._context.error = exc

    async def __aenter__(self) -> EvalContext:
        return self._context if self._block is None else await self._block.__aenter__()

    async def __aexit__(self, kind: Any, exc: BaseException | None, where: Any) -> bool | None:
        if self._block is not None:
            return await self._block.__aexit__(kind, exc, where)
        self._context.error = exc
        return None


def trace(source: Any = None, **options: Any) -> Tracing:
    """A stretch of work under a name, or one rollout of a task: the older name of `hud.eval`."""
    warnings.warn("hud.trace is deprecated: use hud.eval", DeprecationWarning, stacklevel=2)
    if isinstance(source, str):
        return Tracing(None, {"name": source, **options})
    return Tracing(source, options)


def instrument(function: F | None = None, /, **options: Any) -> Any:
    """Mark a function: `@instrument`, `@instrument(name=…)`; it stays as it is.

    `options` (name, category, record_args, …) are accepted and have no effect.
    """
    return (lambda decorated: decorated) if function is None else function


def flush() -> None:
    """Nothing is on its way."""

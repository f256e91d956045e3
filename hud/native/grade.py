"""Grades out of parts: graders give one `SubScore` each, a `Grade` puts them together.

A grader that fails is data; the other parts stay, and the error is told beside them.

1. Where the author's code raised, which it may for a wrong answer, the part is 0.
2. Where the grader's own means failed (a judge's provider, say), nothing is known of the part: it
   is marked, and a rollout whose grade holds such a part is failed, not scored.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic_core import to_jsonable_python

from hud.errors import HudError, ToolError, describe
from hud.types import EvaluationResult, SubScore, from_subscores

logger = logging.getLogger(__name__)


class Grade:
    """Puts parts together into a result that a scenario can yield."""

    @staticmethod
    def from_subscores(subscores: Sequence[SubScore]) -> EvaluationResult:
        """The weighted sum: positive weights are shares of 1, negative ones are penalties.

        Parts that share a name are numbered; each one's metadata goes into `info` under its name.

        Raises:
            ValueError: there is no part with a positive weight.
        """
        if not any(score.weight > 0 for score in subscores):
            raise ValueError("a grade needs at least one subscore with a positive weight")
        return from_subscores(subscores)

    @staticmethod
    async def gather(*items: SubScore | Awaitable[SubScore]) -> EvaluationResult:
        """Wait for all parts at the same time and put them together.

        A grader that raises becomes a part of 0 whose `error` is in `info`. Where it is no fault of
        the answer, such as a judge whose provider fails, the part has the `error` too, the result
        is one of an error, and it makes a rollout fail.
        """
        return Grade.from_subscores(await asyncio.gather(*map(_resolved, items)))


class Grader:
    """A way of grading; subclasses write `compute_score`."""

    name: ClassVar[str] = "BaseGrader"

    @classmethod
    async def compute_score(cls, **kwargs: Any) -> float | tuple[float, dict[str, Any]]:
        """The score, from 0 to 1, alone or with metadata. Override this."""
        raise NotImplementedError(f"{cls.__name__} has no `compute_score`")

    @classmethod
    async def grade(cls, weight: float, name: str | None = None, **kwargs: Any) -> SubScore:
        """Grade: `kwargs` are those of `compute_score`, and are kept in the metadata.

        Whatever `compute_score` raises passes through; `Grade.gather` makes a part of it.
        """
        part = Part(name or cls.name, weight, to_jsonable_python(kwargs, fallback=str))
        try:
            computed: Any = cls.compute_score(**kwargs)
            found = await computed if inspect.isawaitable(computed) else computed
            score, metadata = found if isinstance(found, tuple) else (found, {})
            return part.scored(_checked(float(score)), metadata)
        except Exception as exc:
            with suppress(TypeError):  # not every exception takes attributes
                vars(exc)[PART] = part
            raise

    @classmethod
    def any(cls, weight: float, subscores: Sequence[SubScore]) -> SubScore:
        """One part that is as good as the best of several."""
        return _summary(f"{cls.name}_any", weight, subscores, max)

    @classmethod
    def all(cls, weight: float, subscores: Sequence[SubScore]) -> SubScore:
        """One part that is as good as the worst of several."""
        return _summary(f"{cls.name}_all", weight, subscores, min)


PROVIDERS = frozenset({"anthropic", "openai"})
"""Packages that authors' own judges ask."""
PART = "_graded_part"
"""Where an exception keeps the part that could not be graded."""


@dataclass(frozen=True)
class Part:
    """A part of a grade before its score is known."""

    name: str
    weight: float
    parameters: Any

    def scored(self, value: float, metadata: dict[str, Any], error: str | None = None) -> SubScore:
        """The part with its score, or with the error that there is instead."""
        told = {**metadata, "_parameters": self.parameters}
        return SubScore(name=self.name, weight=self.weight, value=value, metadata=told, error=error)


async def _resolved(item: SubScore | Awaitable[SubScore]) -> SubScore:
    if isinstance(item, SubScore):
        return item
    try:
        return await item
    except Exception as exc:  # noqa: BLE001 - the author's grader: its failure is a part of the grade
        named = getattr(item, "__qualname__", type(item).__name__)
        part = getattr(exc, PART, None) or Part(named, 1.0, {})
        error = describe(exc)
        logger.warning("the part `%s` of the grade failed: %s", part.name, error)
        return part.scored(0.0, {"error": error}, error if _is_no_fault(exc) else None)


def _is_no_fault(exc: Exception) -> bool:
    """Whether an answer cannot have caused it: ours to tell, or a provider's package's."""
    if isinstance(exc, HudError):
        return not isinstance(exc, ToolError)
    return type(exc).__module__.partition(".")[0] in PROVIDERS


def _checked(score: float) -> float:
    if not 0.0 <= score <= 1.0:
        raise ValueError(f"the score is {score}, not between 0 and 1")
    return score


def _summary(name: str, weight: float, subscores: Sequence[SubScore], choose: Any) -> SubScore:
    if not subscores:
        raise ValueError(f"`{name}` needs at least one subscore")
    told: dict[str, Any] = {"subscores": [score.name for score in subscores]}
    evidence = {score.name: score.metadata for score in subscores if score.metadata}
    if evidence:
        told["subscore_metadata"] = evidence
    value = choose(score.value for score in subscores)
    return SubScore(name=name, weight=weight, value=value, metadata=told)

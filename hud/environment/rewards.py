"""What a scenario yields second, as a result with a finite reward."""

from __future__ import annotations

import math
import warnings
from typing import Any

from pydantic import ValidationError

from hud.errors import GradingFailure
from hud.types import EvaluationResult, SubScore, from_subscores

ROUNDING = 1e-9
"""How far a reward may leave [0, 1] by adding up floats before anybody is told."""

SHOWN = 80
"""Characters of an author's value, and of its complaint, that a failure quotes."""


def to_evaluation(value: Any, what: str) -> EvaluationResult:
    """A second yield as a result: a number, a bool, a dict with `reward`, a result, or `SubScore`s.

    A finite reward outside [0, 1] is kept, with a warning.

    Raises:
        GradingFailure: names the scenario and what it yielded instead of a reward.
    """
    try:
        result = _evaluation(value)
    except Exception as exc:  # converting the author's object runs the author's code
        raise GradingFailure(
            f"{what} yielded {_shown(value)}, which is no reward: {_reason(exc)}"
        ) from exc
    if not -ROUNDING <= result.reward <= 1.0 + ROUNDING:
        told = f"{what} gave the reward {result.reward:g}, outside [0, 1]"
        warnings.warn(told, UserWarning, stacklevel=2)
    return result


def _evaluation(value: Any) -> EvaluationResult:
    if value is None:
        raise ValueError("expected a number")
    if isinstance(value, EvaluationResult):
        return _checked(value)
    if isinstance(value, dict):
        return _from_fields(value)
    if (
        isinstance(value, list | tuple)
        and value
        and all(isinstance(item, SubScore) for item in value)
    ):
        return from_subscores(value)
    if hasattr(value, "reward"):
        fields = value.model_dump() if hasattr(value, "model_dump") else vars(value)
        return _from_fields(fields)
    reward = float(value)
    if not math.isfinite(reward):
        raise ValueError(f"{reward} is not a finite number")
    return EvaluationResult(reward=reward)


def _from_fields(fields: dict[str, Any]) -> EvaluationResult:
    if "reward" not in fields:
        raise ValueError("the dict has no key `reward`")
    return EvaluationResult(**fields)


def _checked(result: EvaluationResult) -> EvaluationResult:
    """The result, validated again: assignment is not, so it may have turned bad."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # told when the result was made
        return EvaluationResult.model_validate(dict(result))


def _shown(value: Any) -> str:
    try:
        return repr(value)[:SHOWN]
    except Exception:  # noqa: BLE001 - the author's `__repr__`
        return f"a {type(value).__name__}"


def _reason(exc: Exception) -> str:
    reason = (
        exc.errors(include_url=False)[0]["msg"] if isinstance(exc, ValidationError) else str(exc)
    )
    return reason[:SHOWN]

"""The path under which published code imports graders."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hud.native.comparisons import (
    contains,
    contains_all,
    contains_any,
    exact_match,
    f1_score,
    normalize,
    numeric_match,
)
from hud.native.grade import Grade, Grader

if TYPE_CHECKING:
    from hud.native.bash import BashGrader
    from hud.native.judge import LLMJudgeGrader

__all__ = [
    "BashGrader",
    "Grade",
    "Grader",
    "LLMJudgeGrader",
    "contains",
    "contains_all",
    "contains_any",
    "exact_match",
    "f1_score",
    "normalize",
    "numeric_match",
]

HOMES = {"BashGrader": "bash", "LLMJudgeGrader": "judge"}
"""Those that start processes or ask models, loaded when they are first named."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"hud.native.{HOMES[name]}"), name)
    globals()[name] = value
    return value

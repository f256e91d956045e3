"""Ready-made parts of scenarios: graders."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hud.native.graders import (
        BashGrader,
        Grade,
        Grader,
        LLMJudgeGrader,
        contains,
        contains_all,
        contains_any,
        exact_match,
        f1_score,
        normalize,
        numeric_match,
    )

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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("hud.native.graders"), name)

"""Functions of the original that code for v4 tasks calls by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hud.environment.legacy.scenario import legacy_environment
from hud.environment.legacy.task import V4Task, to_v5


def validate_v4_task(data: Mapping[str, Any]) -> None:
    """Check a v4 task's data.

    Raises:
        UserError: a field is missing, misspelt or malformed; names it.
    """
    to_v5(data)


def build_env_from_v4(source: V4Task | Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the v5 task that runs as a v4 task did, its environment among them.

    Raises:
        UserError: a field is missing, misspelt or malformed; names it.
    """
    return {**to_v5(source), "env": legacy_environment()}

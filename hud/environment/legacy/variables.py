"""Variables in the MCP configuration of v4 tasks, filled in when a rollout starts, not before."""

from __future__ import annotations

import logging
import os
import re
from typing import Any

from pydantic import AliasChoices

from hud.settings import Settings, get_settings

logger = logging.getLogger(__name__)

VARIABLE = re.compile(r"\$\{(\w+)(?::([^}]*))?\}")


def fill_in(value: Any) -> Any:
    """JSON data with `${VAR}` and `${VAR:default}` replaced in every text.

    Values come from the process environment, then from the settings. A variable that has no value
    and no default becomes an empty text, with a warning in the log.
    """
    if isinstance(value, dict):
        return {key: fill_in(item) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_in(item) for item in value]
    return VARIABLE.sub(_value, value) if isinstance(value, str) else value


def _value(match: re.Match[str]) -> str:
    name, default = match.groups()
    found = os.environ.get(name, _setting(name))
    if found is not None:
        return found
    if default is None:
        logger.warning("the variable %s of the MCP configuration is not set", name)
    return default or ""


def _setting(variable: str) -> str | None:
    """The value of the setting that this variable sets; a `.env` file may have set it."""
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        if variable in (alias.choices if isinstance(alias, AliasChoices) else [alias]):
            value = getattr(get_settings(), name)
            return None if value is None else str(value)
    return None

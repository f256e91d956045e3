"""The reward in what an evaluate tool of v4 returned."""

from __future__ import annotations

import json
import math
from typing import Any

import mcp_types

from hud.types import MCPToolResult

REWARD_KEYS = ("reward", "grade", "score")


def find_reward(result: MCPToolResult) -> float | None:
    """The reward in a tool's result, or None if it holds none.

    It is a bare number; or an object's `reward`, `grade` or `score`; or the sum of its `subscores`
    times its `weights`. The structured content is looked at first, then each text that is JSON.
    """
    texts = (block.text for block in result.content if isinstance(block, mcp_types.TextContent))
    values = (result.structured_content, *map(_parsed, texts))
    return next((reward for reward in map(_reward, values) if reward is not None), None)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _reward(value: Any) -> float | None:
    if not isinstance(value, dict):
        return _number(value)
    if set(value) == {"result"}:
        return _reward(value["result"])
    named = (_number(value.get(key)) for key in REWARD_KEYS)
    found = next((number for number in named if number is not None), None)
    return _weighted(value.get("subscores"), value.get("weights")) if found is None else found


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _weighted(subscores: Any, weights: Any) -> float | None:
    """The sum of subscores times weights over the names that both have, if these are numbers."""
    if not (isinstance(subscores, dict) and isinstance(weights, dict)):
        return None
    shared = [name for name in subscores if name in weights]
    pairs = [(_number(subscores[name]), _number(weights[name])) for name in shared]
    products = [one * other for one, other in pairs if one is not None and other is not None]
    return sum(products) if products and len(products) == len(pairs) else None

"""Where the reward stands in what an evaluate tool returned."""

from __future__ import annotations

from typing import Any

import pytest

from hud.environment.legacy import find_reward
from hud.types import MCPToolResult

STRUCTURED = [
    ({"reward": 0.5}, 0.5),
    ({"grade": 1}, 1.0),
    ({"score": 0.25}, 0.25),
    ({"score": 0.25, "reward": 0.75}, 0.75),
    ({"reward": True}, 1.0),
    ({"reward": None, "score": 0.5}, 0.5),
    ({"reward": -1.5}, -1.5),
    ({"subscores": {"a": 1.0, "b": 0.5}, "weights": {"a": 0.5, "b": 0.5}}, 0.75),
    ({"subscores": {"a": 1.0, "b": 0.5}, "weights": {"a": 0.5}}, 0.5),
    ({"score": 0.1, "subscores": {"a": 1.0}, "weights": {"a": 1.0}}, 0.1),
    ({"result": 1.0}, 1.0),
    ({"result": 0}, 0.0),
    ({"result": True}, 1.0),
    ({"result": {"reward": 0.5, "done": True}}, 0.5),
    ({"reward": "high"}, None),
    ({"reward": float("nan")}, None),
    ({"result": float("inf")}, None),
    ({"result": 1.0, "note": "which is it"}, None),
    ({"subscores": {"a": 1.0}, "weights": {"b": 1.0}}, None),
    ({"subscores": {"a": "good"}, "weights": {"a": 1.0}}, None),
    ({"subscores": [1.0], "weights": [1.0]}, None),
    ({"success": True}, None),
    ({}, None),
    (None, None),
]

TEXTS = [
    (['{"reward": 0.5}'], 0.5),
    (['{"result": 1.0}'], 1.0),
    (["1.0"], 1.0),
    (["false"], 0.0),
    (["looked at it", '{"grade": 0.5}'], 0.5),
    (["NaN"], None),
    (["well done"], None),
    (["[1.0]"], None),
    ([], None),
]


def result(structured: Any, texts: list[str]) -> MCPToolResult:
    content = [{"type": "text", "text": text} for text in texts]
    return MCPToolResult.model_validate({"content": content, "structuredContent": structured})


@pytest.mark.parametrize(("structured", "reward"), STRUCTURED)
def test_structured_content_holds_the_reward(structured: Any, reward: float | None) -> None:
    assert find_reward(result(structured, [])) == reward


@pytest.mark.parametrize(("texts", "reward"), TEXTS)
def test_a_text_that_is_json_holds_the_reward(texts: list[str], reward: float | None) -> None:
    assert find_reward(result(None, texts)) == reward


def test_structured_content_comes_before_texts() -> None:
    assert find_reward(result({"reward": 0.25}, ['{"reward": 1.0}'])) == 0.25
    assert find_reward(result({"note": "see the text"}, ['{"reward": 1.0}'])) == 1.0

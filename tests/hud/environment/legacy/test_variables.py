"""Variables in MCP configurations."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from hud.environment.legacy import fill_in

CASES = [
    ("${SHOP_KEY}", "secret"),
    ("Bearer ${SHOP_KEY}", "Bearer secret"),
    ("${SHOP_KEY:other}", "secret"),
    ("${SHOP_URL:https://shop.example/mcp}", "https://shop.example/mcp"),
    ("${SHOP_URL:}", ""),
    ("${SHOP_KEY}-${SHOP_URL:x}", "secret-x"),
    ("$SHOP_KEY {SHOP_KEY} $$", "$SHOP_KEY {SHOP_KEY} $$"),
    ({"headers": {"X": "${SHOP_KEY}"}, "n": 1}, {"headers": {"X": "secret"}, "n": 1}),
    (["-e", "K=${SHOP_KEY}", None, True], ["-e", "K=secret", None, True]),
]


@pytest.fixture(autouse=True)
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "secret")


@pytest.mark.parametrize(("given", "filled"), CASES)
def test_variables_are_filled_in_wherever_a_text_stands(given: Any, filled: Any) -> None:
    assert fill_in(given) == filled


def test_a_variable_without_value_is_empty_and_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert fill_in("Bearer ${SHOP_TOKEN}") == "Bearer "
    assert "SHOP_TOKEN" in caplog.text


def test_a_setting_stands_in_for_a_variable_that_is_not_exported() -> None:
    assert fill_in("${HUD_GATEWAY_URL:none}").startswith("http")
    assert fill_in("${HUD_API_KEY:none}") == "none"

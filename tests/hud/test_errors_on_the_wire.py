from __future__ import annotations

from typing import Any

import pytest

from hud.environment.arguments import ArgumentError
from hud.errors import (
    EnvironmentFailure,
    GradingFailure,
    HudError,
    SetupFailure,
    UserError,
    error_data,
    error_from,
)


@pytest.mark.parametrize(
    ("error", "kind"), [(GradingFailure, GradingFailure), (ArgumentError, UserError)]
)
def test_an_error_keeps_its_kind_hint_and_detail(
    error: type[HudError], kind: type[HudError]
) -> None:
    back = error_from("it broke", error_data(error("it broke", hint="fix it", detail="line 1")))
    assert type(back) is kind
    assert (back.message, back.hint, back.detail) == ("it broke", "fix it", "line 1")


def test_the_detail_stays_here_when_it_must_not_travel() -> None:
    assert error_data(GradingFailure("it broke", detail="x"), with_detail=False)["detail"] is None


@pytest.mark.parametrize("data", [None, "text", {}, {"kind": "SystemExit"}, {"kind": ["x"]}])
def test_an_error_of_unknown_kind_becomes_what_the_caller_says(data: Any) -> None:
    assert type(error_from("it broke", data)) is EnvironmentFailure
    assert type(error_from("it broke", data, SetupFailure)) is SetupFailure

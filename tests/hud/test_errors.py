"""Errors: one line each, attributed to the boundary that was crossed."""

from __future__ import annotations

import asyncio
import typing

import pytest

from hud import errors
from hud.errors import (
    AgentFailure,
    EnvironmentFailure,
    GradingFailure,
    HudError,
    SetupFailure,
    ToolError,
    UserError,
    boundary,
    describe,
    did_you_mean,
)

KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HudError)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_carries_a_line_a_hint_and_evidence(kind: type[HudError]) -> None:
    error = kind("no such thing", hint="try another", detail="a long log")
    assert (str(error), error.message) == ("no such thing", "no such thing")
    assert (error.hint, error.detail) == ("try another", "a long log")
    assert error.boundary in typing.get_args(errors.Boundary)


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("StartFailure", "start"),
        ("InitializeFailure", "initialize"),
        ("SetupFailure", "setup"),
        ("GradingFailure", "grading"),
        ("AgentFailure", "agent"),
        ("ProviderFailure", "provider"),
        ("LimitReached", "limit"),
        ("ConnectionFailure", "initialize"),
        ("EnvironmentFailure", "environment"),
    ],
)
def test_the_class_knows_its_boundary(kind: str, place: str) -> None:
    assert getattr(errors, kind)("x").boundary == place


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    told = errors.__doc__ or ""
    assert [kind.__name__ for kind in KINDS if kind.__name__ not in told] == []


def test_a_boundary_attributes_what_escapes() -> None:
    with (
        pytest.raises(SetupFailure, match=r"^scenario `x`: ValueError: no$") as caught,
        boundary(SetupFailure, "scenario `x`"),
    ):
        raise ValueError("no\nmore")
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize(
    "error",
    [
        GradingFailure("attributed"),
        UserError("mine"),
        asyncio.CancelledError(),
        SystemExit(1),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_what_is_attributed_or_an_exit_passes_a_boundary(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, boundary(AgentFailure, "agent"):
        raise error
    assert caught.value is error


def test_a_boundary_lets_a_good_block_pass() -> None:
    with boundary(EnvironmentFailure, "x"):
        passed = True
    assert passed


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no"), "ValueError: no"),
        (ValueError("no\nmore"), "ValueError: no"),
        (ValueError("\n\n no"), "ValueError: no"),
        (ValueError(), "ValueError"),
        (KeyError("x"), "KeyError: 'x'"),
        (ToolError("gone"), "ToolError: gone"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
    ids=repr,
)
def test_an_exception_is_described_in_one_line(error: BaseException, line: str) -> None:
    assert describe(error) == line


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("strawbery-r", ["strawberry-r", "abracadabra-a"], "did you mean `strawberry-r`?"),
        ("count", ["counts", "recount", "other"], "did you mean `counts` or `recount`?"),
        ("zzz", ["b", "a"], "there are `a`, `b`"),
        ("zzz", [], None),
        ("zzz", [f"name-{number}" for number in range(13)], None),
    ],
    ids=["near", "several", "few", "none", "many"],
)
def test_a_hint_offers_the_near_names_or_the_few_there_are(
    name: str, known: list[str], hint: str | None
) -> None:
    assert did_you_mean(name, known) == hint

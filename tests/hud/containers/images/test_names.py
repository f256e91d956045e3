"""A folder's name becomes an image's name, always."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hud.containers.images.names import image_name, image_reference
from hud.errors import UserError

GRAMMAR = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("my-env", "my-env"),
        ("My Env", "my-env"),
        ("my_env_deploy", "my-env-deploy"),
        (".hidden", "hidden"),
        ("Über.Env--2", "uber-env-2"),
        ("a" * 64, "env-" + "a" * 64),
    ],
)
def test_a_name_stays_recognisable(folder: str, name: str) -> None:
    assert image_name(folder) == name


def test_names_in_other_letters_stay_apart() -> None:
    assert image_name("環境") != image_name("环境")
    assert image_name("x環") != image_name("x环")


@given(st.text(max_size=300))
def test_every_name_is_valid(folder: str) -> None:
    name = image_name(folder)
    assert GRAMMAR.fullmatch(name)
    assert len(name) <= 128


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("my-env", "my-env:latest"),
        ("my-env:v1", "my-env:v1"),
        ("localhost:5000/team/env", "localhost:5000/team/env:latest"),
        ("env@sha256:" + "a" * 64, "env@sha256:" + "a" * 64),
    ],
)
def test_a_given_name_gets_a_tag(text: str, reference: str) -> None:
    assert image_reference(text) == reference


@pytest.mark.parametrize(
    "text", ["", "My Env", "env:", "env:a b", "-x", "a//b", "env\n", "x" * 300]
)
def test_a_name_that_the_engine_would_not_take_is_refused_with_a_suggestion(text: str) -> None:
    with pytest.raises(UserError) as refused:
        image_reference(text)
    assert refused.value.hint

"""What is there is listed with its owner and its age."""

from __future__ import annotations

import os

import pytest

from hud.cli.ps import age, count, owner_of, table
from hud.containers import Resource
from hud.containers.labels import OWNER, Owner, this_process


def resource(owner: str, name: str = "hud-env-1", kind: str = "container") -> Resource:
    return Resource(kind, name, name, {OWNER: owner}, "env:latest", "running", created=1000.0)  # type: ignore[arg-type]


DEAD = Owner(this_process().host, this_process().namespace, os.getpid(), "another", 0)


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (str(this_process()), f"process {os.getpid()}, alive"),
        (str(DEAD), f"process {os.getpid()}, dead"),
        ("elsewhere:1:77:123:456", "process 77 on elsewhere"),
        ("shared", "shared"),
    ],
    ids=["alive", "dead", "elsewhere", "shared"],
)
def test_an_owner_is_told_with_whether_it_lives(owner: str, words: str) -> None:
    assert owner_of(resource(owner)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (12.4, "12 s"), (150, "2 min"), (7300, "2 h"), (200_000, "2 d")],
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, words: str) -> None:
    assert age(seconds) == words


def test_the_table_has_a_line_for_each_in_columns() -> None:
    listed = table([resource("shared"), resource("shared", "hud-internal", "network")], 1012.0)
    assert [line.split() for line in listed.splitlines()] == [
        ["KIND", "NAME", "IMAGE", "STATUS", "AGE", "OWNER"],
        ["container", "hud-env-1", "env:latest", "running", "12", "s", "shared"],
        ["network", "hud-internal", "env:latest", "running", "12", "s", "shared"],
    ]


def test_a_count_names_each_kind() -> None:
    found = [resource("x"), resource("x"), resource("x", kind="volume")]
    assert count(found) == "2 containers, 1 volume"

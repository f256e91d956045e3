"""Containers that wait for another process of their keeper: what their names and labels tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hud.containers import Resource
from hud.containers.custody import (
    KEEPER,
    KEPT_SECONDS,
    left_at,
    name_of,
    name_since,
    owner_in,
    waits,
)
from hud.containers.labels import OWNER, Owner, this_process

NOBODY = Owner("0123456789ab", "4026531836", 7, "1234", 1_700_000_000)
LABELS = {OWNER: str(NOBODY), KEEPER: "installation"}
KEPT = Resource("container", "id", "hud-letters-1", LABELS, status="running")


@pytest.mark.parametrize("owner", [NOBODY, this_process(), replace(NOBODY, host="my-host.local")])
def test_who_took_a_container_over_is_in_its_name(owner: Owner) -> None:
    name = name_of(KEPT.name, owner)
    assert name is not None
    assert owner_in(name) == owner
    assert replace(KEPT, name=name).owner == owner
    assert KEPT.owner == NOBODY


def test_a_name_stays_as_short_as_it_was_however_often_it_changes_hands() -> None:
    first = name_of(KEPT.name, NOBODY)
    assert first is not None
    assert name_of(name_since(first, 12.5), NOBODY) == first
    assert name_since(name_since(first, 12.5), 99) == name_since(first, 99)
    assert owner_in(name_since(first, 12.5)) == NOBODY


def test_an_owner_that_no_name_can_tell_of_takes_nothing_over() -> None:
    assert name_of(KEPT.name, replace(NOBODY, host="under_scored")) is None


@pytest.mark.parametrize(
    ("item", "is_waiting"),
    [
        pytest.param(KEPT, True, id="found-for-the-first-time"),
        pytest.param(replace(KEPT, name=name_since("c", 1000)), True, id="found-a-while-ago"),
        pytest.param(
            replace(KEPT, name=name_since("c", 1000 - KEPT_SECONDS)), False, id="too-long-ago"
        ),
        pytest.param(replace(KEPT, status="exited"), False, id="ended"),
        pytest.param(replace(KEPT, labels={OWNER: str(NOBODY)}), False, id="without-a-keeper"),
    ],
)
def test_a_container_waits_for_its_keeper_for_a_while(item: Resource, is_waiting: bool) -> None:
    assert waits(item, 1001.0) is is_waiting


@pytest.mark.parametrize("name", ["hud-letters-1", "hud-a__of_b", "x__left_soon"])
def test_ordinary_names_tell_of_nobody(name: str) -> None:
    assert (owner_in(name), left_at(name)) == (None, None)

"""Whose a container is, and whether its owner lives."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from hud.containers.labels import Abode, Owner, is_dead, this_process

pytestmark = pytest.mark.anyio


async def nowhere(_: str) -> Abode | None:
    return None


PROGRAM = "from hud.containers.labels import this_process; print(this_process(), flush=True)"


def ended_process() -> Owner:
    """A process that has ended and was waited for."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=20
    )
    return parsed(done.stdout)


def parsed(text: str) -> Owner:
    owner = Owner.parse(text.strip())
    assert owner is not None
    return owner


def test_an_owner_survives_its_label() -> None:
    owner = this_process()
    assert Owner.parse(str(owner)) == owner
    assert replace(owner, host="a:b") == Owner.parse(str(replace(owner, host="a:b")))


@pytest.mark.parametrize("text", ["", "shared", "a:b:c:d:e", "1:2:3"])
def test_what_is_no_owner_is_none(text: str) -> None:
    assert Owner.parse(text) is None


async def test_this_process_lives() -> None:
    owner = this_process()
    assert owner.is_local
    assert not await is_dead(owner, nowhere)


async def test_a_process_that_ended_is_dead() -> None:
    assert await is_dead(ended_process(), nowhere)


def test_a_process_of_which_only_the_exit_status_is_left_is_dead() -> None:
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        owner = parsed(process.stdout.read())
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not owner.lives


async def test_a_number_that_another_process_has_now_is_not_mistaken_for_the_owner() -> None:
    assert await is_dead(replace(this_process(), started="1"), nowhere)


@pytest.mark.parametrize(
    ("host", "abode", "dead"),
    [
        ("other-machine", None, False),
        ("0123456789ab", None, True),
        ("controller", Abode(is_running=True, started=100.0), False),
        ("controller", Abode(is_running=True, started=300.0), True),
        ("controller", Abode(is_running=False, started=100.0), True),
    ],
)
async def test_an_owner_elsewhere_is_judged_by_its_container(
    host: str, abode: Abode | None, dead: bool
) -> None:
    async def find(asked: str) -> Abode | None:
        assert asked == host
        return abode

    assert await is_dead(Owner(host, "1", 7, "5", 200), find) == dead


async def test_another_process_namespace_on_this_host_is_not_local() -> None:
    owner = Owner(socket.gethostname(), "1", 7, "5", 200)
    assert not owner.is_local
    assert not await is_dead(owner, nowhere)

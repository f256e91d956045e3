"""What the engine refuses comes with what to do about it."""

from __future__ import annotations

import pytest

from hud.containers.failures import Conflict, NotFound, hint_for, refusal
from hud.errors import DockerFailure

HINTS = {
    "image": ("No such image: lab:1", "build it with `hud build`, or fetch it with `docker pull"),
    "port": ("Bind for 127.0.0.1:80 failed: port is already allocated", "--max-concurrent 1"),
    "cpus": ("Range of CPUs is from 0.01 to 2.00, as", "set `cpus` in [tool.hud] to 2.00 or less"),
    "command": ('exec: "serve": executable file not found', "the image has no `serve`"),
}


@pytest.mark.parametrize(("said", "hint"), HINTS.values(), ids=HINTS)
def test_what_the_engine_says_has_a_next_step(said: str, hint: str) -> None:
    assert hint in (hint_for(said) or "")


def test_what_is_not_known_has_none() -> None:
    assert hint_for("the moon is full") is None


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFound), (409, Conflict), (500, DockerFailure)]
)
def test_a_refusal_is_of_the_kind_that_its_status_says(status: int, kind: type) -> None:
    failure = refusal("cannot start `lab`", status, "two\n  lines")
    assert type(failure) is kind
    assert failure.message == "cannot start `lab`: two lines"

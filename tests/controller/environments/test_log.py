"""Logs are bounded and numbered, and no secret is in them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable

import pytest

from controller.environments import log as logs
from controller.environments.lines import Lines
from controller.environments.log import COVER, Log, Redactor, redact_all

SECRET = "canary-7f3a/ä+secret"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_found_in_base64_wherever_it_begins(
    before: str, encode: Callable[[bytes], bytes]
) -> None:
    text = encode(f"{before}{SECRET} and more".encode()).decode()
    covered = Redactor([SECRET])(text)
    gone = len(text) - len(covered.replace(COVER, ""))
    assert COVER in covered
    assert gone >= len(SECRET.encode()) * 4 // 3 - 1


def test_secrets_are_covered_plain_by_line_and_in_json() -> None:
    redact = Redactor(["first-line\nsecond-line", "tail", "abc"])
    assert redact("x first-line y second-line abc") == f"x {COVER} y {COVER} abc"
    value = {"tail": [1, None, {"deep": "a tail"}]}
    assert "tail" not in json.dumps(redact_all(value, redact))


def test_pages_go_on_where_the_last_one_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "PAGE_LINES", 3)
    log = Log(str)
    log("0\n1\n2\n3")
    first = log.page()
    assert (first.lines, first.next) == (["0", "1", "2"], 3)
    second = log.page(first.next)
    assert (second.lines, second.next) == (["3"], 4)
    assert log.page(4).lines == []
    assert log.page(9999).next == 4


def test_old_lines_make_room_and_keep_their_numbers() -> None:
    log = Log(str)
    for number in range(logs.KEPT_LINES + 10):
        log(str(number))
    assert log.page(0).lines[0] == "10"
    assert log.page(logs.KEPT_LINES + 9).lines == [str(logs.KEPT_LINES + 9)]


@pytest.mark.anyio
async def test_lines_of_processes_arrive_whole_and_long_ones_in_pieces() -> None:
    heard: list[str] = []
    async with Lines(heard.append) as pipe:
        os.write(pipe.descriptor, b"one\ntw")
        os.write(pipe.descriptor, b"o\r\n\xff\n")
        os.write(pipe.descriptor, b"x" * 20_000 + b"\nlast")
    assert heard[:3] == ["one", "two", "\N{REPLACEMENT CHARACTER}"]
    assert "".join(heard[3:]) == "x" * 20_000 + "last"

"""A build's progress is understood, and a failure gets its step and its remedy."""

from __future__ import annotations

import pytest

from hud.containers.contract import BuildEvent
from hud.containers.images.log import BuildLog, remedy

FAILED = """\
#0 building with "default" instance using docker driver
#4 [1/3] FROM python:3.11-slim
#4 CACHED
#5 [2/3] RUN pip install nosuch
#5 0.512 Collecting nosuch
#5 0.900 ERROR: No matching distribution found for nosuch
#5 ERROR: process "/bin/sh -c pip install nosuch" did not complete successfully: exit code: 1
------
 > [2/3] RUN pip install nosuch:
ERROR: failed to solve: process "/bin/sh -c pip install nosuch" did not complete: exit code: 1
"""


def read(text: str) -> tuple[BuildLog, list[BuildEvent]]:
    events: list[BuildEvent] = []
    log = BuildLog(events.append)
    for line in text.splitlines():
        log.read(line)
    return log, events


def test_progress_comes_as_events_of_named_steps() -> None:
    _, events = read(FAILED)
    shown = [(event.kind, event.name) for event in events if event.step in (4, 5)]
    assert shown == [
        ("started", "[1/3] FROM python:3.11-slim"),
        ("cached", "[1/3] FROM python:3.11-slim"),
        ("started", "[2/3] RUN pip install nosuch"),
        ("line", "[2/3] RUN pip install nosuch"),
        ("line", "[2/3] RUN pip install nosuch"),
        ("failed", "[2/3] RUN pip install nosuch"),
    ]


def test_a_failure_names_the_step_its_last_lines_and_a_remedy() -> None:
    log, _ = read(FAILED)
    failure = log.failure("env:latest", 1)
    assert failure.boundary == "build"
    assert "`env:latest` failed at step `[2/3] RUN pip install nosuch`: " in failure.message
    assert failure.detail
    assert failure.detail.endswith("No matching distribution found for nosuch")
    assert failure.hint == "correct `nosuch`: no version of it fits"


def test_a_failure_without_a_step_tells_the_builders_complaint() -> None:
    log, _ = read(
        "ERROR: failed to solve: dockerfile parse error on line 3: unknown instruction: RUNN"
    )
    failure = log.failure("env:latest", 1)
    assert failure.message.endswith("dockerfile parse error on line 3: unknown instruction: RUNN")
    assert failure.hint == "correct the instruction `RUNN` in the Dockerfile"


def test_an_overdue_build_tells_where_it_was() -> None:
    log, _ = read("#5 [2/2] RUN sleep inf\n#5 0.1 waiting")
    failure = log.overdue("env:latest", 5)
    assert "longer than 5 seconds at step `[2/2] RUN sleep inf`" in failure.message
    assert failure.detail == "waiting"


def test_endless_output_is_bounded_and_terminal_escapes_are_taken_out() -> None:
    log, events = read("#5 [1/1] RUN yes\n" + "#5 0.1 \x1b[31my\n" * 10_000)
    assert len(log.tails[5]) < 100
    assert events[-1].text == "y"


@pytest.mark.parametrize(
    ("evidence", "advice"),
    [
        ("E: Unable to locate package postgresq", "postgresq"),
        ("/bin/sh: 1: gcc: not found", "install `gcc`"),
        ('failed to compute cache key: "/nosuch.txt": not found', "`/nosuch.txt`"),
        ("nosuch:latest: failed to resolve source metadata for x: not found", "FROM"),
        ("failed to resolve x/docker/dockerfile:1: failed: no such host", "# syntax="),
        ("Temporary failure in name resolution", "no network"),
        ("write /x: No space left on device", "docker builder prune"),
        ("did not complete successfully: exit code: 137", "memory"),
        ("docker: 'buildx' is not a docker command.", "buildx"),
        ("cat: /run/secrets/token: No such file or directory", "--secret id=token,env="),
        ('"banana": unknown operating system or architecture', "linux/amd64"),
        ("exec /bin/sh: exec format error", "emulation"),
        ("something else", "Dockerfile"),
    ],
)
def test_each_kind_of_failure_has_its_remedy(evidence: str, advice: str) -> None:
    assert advice in remedy(evidence)

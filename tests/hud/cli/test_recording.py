"""Local evaluations and a controller that is well, away, hanging, refusing or killed: the run is
the same, and everything arrives once.
"""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hud.eval.outbox import MOST_JOBS, Outbox
from hud.eval.recording import FAREWELL
from hud.wire import Transcript
from tests.command import ROOT, Command
from tests.controller.running import RunningController, free_port

SECONDS = 30.0
SLACK = 2.0
"""Seconds that a busy machine may add."""
SLOW_ENV = """
import asyncio
from hud import Environment

env = Environment("slow")

@env.scenario("pause")
async def pause(number: int):
    await asyncio.sleep(0.2)
    yield "go on"
    yield 1.0

tasks = [pause.task(number=number).copy(slug=f"t-{number}") for number in range(20)]
"""


@pytest.fixture
def evaluate(hud_cli: Command) -> Command:
    """`hud eval` in the seed page's folder, by a user who has a token."""
    shutil.copytree(ROOT / "tests/examples/letters", hud_cli.cwd, dirs_exist_ok=True)
    return hud_cli.having(HUD_API_KEY="token")


def waiting(folder: Path) -> list[str]:
    return Outbox(folder / ".hud").waiting()


class Refuser(BaseHTTPRequestHandler):
    """Refuses everything."""

    def do_PUT(self) -> None:
        self.send_error(401)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def hanging() -> Iterator[str]:
    """Accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def refusing() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refuser) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(SECONDS)


@contextmanager
def absent() -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}"


@pytest.mark.parametrize(
    "controller",
    [
        absent,
        pytest.param(hanging, marks=pytest.mark.slow),
        pytest.param(refusing, marks=pytest.mark.slow),
    ],
)
def test_a_controller_that_does_not_take_it_changes_nothing_but_a_moment(
    evaluate: Command, controller: object
) -> None:
    began = time.monotonic()
    plain = evaluate.having(HUD_API_KEY="")("eval", "tasks.py", "nop", "--full", "--quiet")
    alone = time.monotonic() - began
    with controller() as url:  # type: ignore[operator]  # one of the three above
        began = time.monotonic()
        ended = evaluate.having(HUD_API_URL=url)("eval", "tasks.py", "nop", "--full", "--quiet")
        took = time.monotonic() - began
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, plain.stdout, "")
    assert took < alone + FAREWELL + SLACK
    assert len(waiting(evaluate.cwd)) == 1


def test_without_a_token_nothing_is_kept_for_a_controller(evaluate: Command) -> None:
    evaluate.having(HUD_API_KEY="")("eval", "tasks.py", "nop")
    assert waiting(evaluate.cwd) == []
    assert not (evaluate.cwd / ".hud" / "outbox").exists()


@pytest.mark.slow
def test_what_could_not_be_sent_is_sent_with_the_next_evaluation(
    evaluate: Command, controller: RunningController
) -> None:
    with absent() as url:
        for _ in range(2):
            evaluate.having(HUD_API_URL=url)("eval", "tasks.py", "nop", "--full")
    assert len(waiting(evaluate.cwd)) == 2
    known = evaluate.having(HUD_API_URL=controller.url, HUD_API_KEY=controller.token)
    assert known("eval", "tasks.py", "nop").returncode == 0
    assert waiting(evaluate.cwd) == []
    with controller.client() as client:
        views = [client.job(path.name) for path in (evaluate.cwd / ".hud/jobs").iterdir()]
    assert {view.job.status for view in views} == {"finished"}
    assert sorted(view.totals.ended for view in views) == [1, 3, 3]


@pytest.mark.slow
def test_jobs_sends_what_is_waiting(evaluate: Command, controller: RunningController) -> None:
    with absent() as url:
        evaluate.having(HUD_API_URL=url)("eval", "tasks.py", "nop", "--full")
    (job,) = waiting(evaluate.cwd)
    known = evaluate.having(HUD_API_URL=controller.url, HUD_API_KEY=controller.token)
    (row,) = [line for line in known("jobs").stdout.splitlines() if line.startswith(job)]
    assert "3/3" in row
    assert waiting(evaluate.cwd) == []


def test_a_controller_that_never_comes_is_not_waited_for_by_ever_more_jobs(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    for number in range(MOST_JOBS + 2):
        outbox.add(f"job-{number:04}")
    assert outbox.waiting()[0] == "job-0002"
    assert len(outbox.waiting()) == MOST_JOBS


class Receiver:
    """Takes what it is sent, and counts."""

    def __init__(self) -> None:
        self.rollouts: list[str] = []
        self.ended: list[tuple[str, str]] = []

    def record_job(self, record: object, taskset: str | None = None) -> None:
        """Nothing to remember."""

    def record_transcripts(self, job: str, texts: Sequence[bytes]) -> None:
        self.rollouts += [Transcript.model_validate_json(text).rollout.id for text in texts]

    def finish_job(self, job: str, status: str, seconds: float) -> None:
        self.ended.append((job, status))


def test_a_job_whose_process_was_killed_is_sent_as_cancelled(hud_cli: Command) -> None:
    (hud_cli.cwd / "tasks.py").write_text(SLOW_ENV)
    with absent() as url:
        user = hud_cli.having(HUD_API_KEY="token", HUD_API_URL=url)
        process = user.start("eval", "tasks.py", "nop", "--full", "--max-concurrent", "1")
        assert process.stderr is not None
        while "[2/20]" not in process.stderr.readline():
            assert process.poll() is None
        outbox, receiver = Outbox(hud_cli.cwd / ".hud"), Receiver()
        (job,) = outbox.waiting()
        with outbox.sending(job) as may_send:
            assert not may_send, "its process is still at it"
        process.kill()
        process.communicate()
    with outbox.sending(job) as may_send:
        assert may_send
        assert outbox.send(receiver, job, is_over=True)
    assert len(receiver.rollouts) == len(set(receiver.rollouts)) >= 2
    assert receiver.ended == [(job, "cancelled")]
    assert outbox.waiting() == []

"""Isolated rollouts: whatever one does, it ends that one with its cause, and nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from hud.errors import LimitReached, StartFailure, UserError
from hud.eval.context import EvalContext
from hud.eval.rollout import Outcome, Rollout, run_rollout
from hud.runtime.child import LOG_LIMIT
from hud.runtime.worker import Isolation, Source, WorkerRuntime
from tests.hud.runtime.conftest import (
    EXAMPLES,
    all_ended,
    is_running,
    left_behind,
    loaded,
    nothing,
    outcomes,
    play_all,
)

pytestmark = pytest.mark.anyio

TROUBLE = EXAMPLES / "trouble.py"
MEMORY = 600_000_000

FAILURES = {
    "exit-3": ("environment", "the environment's process ended with exit status 3"),
    "exit-0": ("environment", "the environment's process ended with exit status 0"),
    "leave": ("grading", "scenario `leave` failed in grading: SystemExit: 0"),
    "hog": ("grading", "scenario `hog` failed in grading: MemoryError"),
    "kill": ("environment", "ended with SIGKILL (killed; out of memory?)"),
    "segfault": ("environment", "ended with SIGSEGV"),
    "close": ("environment", "the environment's process ended"),
}
SHARING = pytest.mark.xdist_group("troublesome tasks")
SUCCESSES = ["fine-1", "print", "thread", "children", "count", "fine-2"]


@pytest.fixture(
    scope="module",
    params=[pytest.param("fork"), pytest.param("spawn", marks=pytest.mark.slow)],
)
def ended(request: pytest.FixtureRequest) -> dict[str, Outcome]:
    """How the troublesome tasks end, all at the same time."""
    slugs = [*FAILURES, *SUCCESSES]
    return asyncio.run(outcomes(TROUBLE, slugs, isolation=request.param, timeout=60, memory=MEMORY))


@SHARING
@pytest.mark.parametrize("slug", FAILURES)
def test_a_misbehaving_scenario_ends_its_rollout_with_the_cause(
    ended: dict[str, Outcome], slug: str
) -> None:
    boundary, error = FAILURES[slug]
    record = ended[slug].record
    assert (record.status, record.boundary, record.reward) == ("failed", boundary, None)
    assert error in (record.error or "")


@SHARING
@pytest.mark.parametrize("slug", SUCCESSES)
def test_its_siblings_are_scored(ended: dict[str, Outcome], slug: str) -> None:
    assert (ended[slug].record.error, ended[slug].record.reward) == (None, 1.0)


@SHARING
def test_what_a_rollout_prints_is_kept_to_the_last_word_and_bounded(
    ended: dict[str, Outcome],
) -> None:
    log = ended["print"].transcript.log
    assert log.endswith("z\nthe last word")
    assert len(log) == LOG_LIMIT


@SHARING
async def test_what_a_rollout_leaves_running_is_killed(ended: dict[str, Outcome]) -> None:
    pids = left_behind(ended["children"])
    assert len(pids) == 2
    assert await all_ended(pids)


@pytest.fixture(scope="module", params=["fork", "spawn"])
def given_up(request: pytest.FixtureRequest) -> dict[str, Outcome]:
    """How tasks end whose processes have to be killed, all at the same time."""

    async def play() -> dict[str, Outcome]:
        slugs = ["spin", "stubborn", "fine-1"]
        bounded, unbounded = await asyncio.gather(
            outcomes(TROUBLE, slugs, isolation=request.param, timeout=2),
            outcomes(TROUBLE, ["close-and-spin", "fine-2"], isolation=request.param),
        )
        return bounded | unbounded

    return asyncio.run(play())


@pytest.mark.slow
@pytest.mark.xdist_group("given up")
@pytest.mark.parametrize("slug", ["spin", "stubborn"])
def test_a_scenario_that_never_ends_is_ended_at_its_limit(
    given_up: dict[str, Outcome], slug: str
) -> None:
    assert given_up[slug].record.error == "the rollout took longer than 2 s"
    assert given_up[slug].record.boundary == "limit"
    assert given_up["fine-1"].record.reward == 1.0


@pytest.mark.slow
@pytest.mark.xdist_group("given up")
async def test_a_process_that_lives_on_without_its_connection_is_killed(
    given_up: dict[str, Outcome],
) -> None:
    record = given_up["close-and-spin"].record
    assert record.boundary == "environment"
    assert "the environment's process" in (record.error or "")
    assert await all_ended(left_behind(given_up["close-and-spin"]))
    assert given_up["fine-2"].record.reward == 1.0


@pytest.mark.parametrize("isolation", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
async def test_parallel_rollouts_each_score_what_they_would_alone(isolation: Isolation) -> None:
    async with loaded(TROUBLE, task_ids=["count"], isolation=isolation) as (runtime, tasks):
        plans = [Rollout("job", tasks[0], "nop", index, nothing) for index in range(8)]
        ended = await asyncio.gather(*(run_rollout(plan, runtime) for plan in plans))
    assert [outcome.record.reward for outcome in ended] == [1.0] * 8


HOLDING = """
from tests.examples.trouble import fine, hold

tasks = [hold.task(folder={folder!r}, name=name).copy(slug=name) for name in ("a", "b")]
tasks.append(fine.task().copy(slug="fine"))
"""


@pytest.fixture
def holding(tmp_path: Path) -> Path:
    """Two tasks that wait for the file `go`, and one that does not."""
    source = tmp_path / "tasks.py"
    source.write_text(HOLDING.format(folder=str(tmp_path)))
    return source


async def pids(folder: Path, name: str) -> list[int]:
    """The rollout's process, its parent and its child, once it is under way."""
    note = folder / f"{name}.pids"
    async with asyncio.timeout(20):
        while not note.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
    return [int(pid) for pid in note.read_text().split()]


async def test_killing_a_worker_from_outside_ends_its_rollout_only(holding: Path) -> None:
    async with loaded(holding) as (runtime, tasks):
        playing = asyncio.create_task(play_all(runtime, tasks))
        worker, _, child = await pids(holding.parent, "a")
        os.kill(worker, signal.SIGKILL)
        (holding.parent / "go").touch()
        ended = await asyncio.wait_for(playing, 20)
    assert "SIGKILL" in (ended["a"].record.error or "")
    assert [ended[name].record.reward for name in ("b", "fine")] == [1.0, 1.0]
    assert await all_ended([child])


async def test_killing_the_host_ends_what_ran_and_the_next_rollouts_run(holding: Path) -> None:
    async with loaded(holding) as (runtime, tasks):
        playing = asyncio.create_task(play_all(runtime, tasks[:2]))
        first, second = [await pids(holding.parent, name) for name in ("a", "b")]
        os.kill(first[1], signal.SIGKILL)
        ended = await asyncio.wait_for(playing, 20)
        assert [outcome.record.boundary for outcome in ended.values()] == ["environment"] * 2
        assert await all_ended([*first, *second])
        later = await play_all(runtime, tasks[2:])
    assert later["fine"].record.reward == 1.0


@pytest.mark.parametrize("isolation", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
async def test_a_cancelled_rollout_leaves_no_process(holding: Path, isolation: Isolation) -> None:
    async with loaded(holding, isolation=isolation) as (runtime, tasks):
        playing = asyncio.create_task(play_all(runtime, tasks[:1]))
        worker, host, child = await pids(holding.parent, "a")
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(playing, 20)
        assert await all_ended([worker, child])
    assert isolation == "spawn" or await all_ended([host])


@pytest.mark.slow
async def test_closing_the_runtime_ends_whatever_still_runs(holding: Path) -> None:
    async with loaded(holding) as (runtime, tasks):
        playing = asyncio.create_task(play_all(runtime, tasks[:2]))
        running = [*await pids(holding.parent, "a"), *await pids(holding.parent, "b")]
        assert all(map(is_running, running))
        await runtime.aclose()
        assert await all_ended(running)
        await asyncio.wait_for(playing, 20)


@pytest.mark.slow
async def test_a_module_with_a_thread_is_spawned_and_the_reason_is_told() -> None:
    async with loaded(EXAMPLES / "threaded.py") as (runtime, tasks):
        assert runtime.hazard == "the module starts the thread `poller` when it is imported"
        ended = await play_all(runtime, tasks)
    assert [outcome.record.reward for outcome in ended.values()] == [1.0, 1.0]
    assert await all_ended([pid for outcome in ended.values() for pid in left_behind(outcome)])


SCRATCH = """
import sqlite3, tempfile
from pathlib import Path
from hud import Environment

FOLDER = Path(tempfile.mkdtemp())
env = Environment("scratch")

@env.scenario("count")
async def count():
    yield f"Count in {FOLDER}"
    with sqlite3.connect(FOLDER / "counts.db") as db:
        db.execute("create table if not exists counts (n)")
        db.execute("insert into counts values (1)")
        (found,) = db.execute("select count(*) from counts").fetchone()
    yield 1.0 / found

tasks = [count.task().copy(slug=f"count-{number}") for number in range(2)]
"""


def still_there(paths: set[str]) -> list[str]:
    return [path for path in paths if Path(path).exists()]


@pytest.mark.slow
async def test_a_module_with_a_temporary_folder_is_spawned_and_each_rollout_has_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "tasks.py").write_text(SCRATCH)
    async with loaded(tmp_path / "tasks.py") as (runtime, tasks):
        assert "when it is imported" in str(runtime.hazard)
        ended = await play_all(runtime, tasks)
    assert [outcome.record.reward for outcome in ended.values()] == [1.0, 1.0]
    folders = {outcome.transcript.prompt.removeprefix("Count in ") for outcome in ended.values()}
    assert len(folders) == 2
    assert still_there(folders) == []


@pytest.mark.slow
async def test_more_rollouts_at_a_time_than_the_socket_has_room_for(tmp_path: Path) -> None:
    source = tmp_path / "tasks.py"
    source.write_text("from tests.examples.trouble import fine\ntasks = [fine.task()]\n")
    async with loaded(source) as (runtime, tasks):
        plans = [Rollout("job", tasks[0], "nop", index, nothing) for index in range(400)]
        ended = await asyncio.gather(*(run_rollout(plan, runtime) for plan in plans))
    assert {outcome.record.error for outcome in ended} == {None}


RANDOM = """
import random
from hud import Environment

env = Environment("chance")

@env.scenario("throw")
async def throw():
    yield "Throw."
    yield random.random()

tasks = [throw.task().copy(slug="throw")]
"""


async def test_a_seed_repeats_the_random_numbers_and_none_does_not(tmp_path: Path) -> None:
    source = tmp_path / "tasks.py"
    source.write_text(RANDOM)
    seeds = ["1", "1", "2", None, None]
    async with loaded(source) as (runtime, tasks):
        plans = [Rollout("job", tasks[0], "nop", 0, nothing, seed=seed) for seed in seeds]
        ended = await asyncio.gather(*(run_rollout(plan, runtime) for plan in plans))
    first, again, other, one, two = [outcome.record.reward for outcome in ended]
    assert first == again
    assert len({first, other, one, two}) == 4


LOADS = [
    ("import os; os._exit(4)", StartFailure, "the worker host ended with exit status 4"),
    ("import os; os.kill(os.getpid(), 9)", StartFailure, "the worker host ended with SIGKILL"),
    ("raise ValueError('no words')", UserError, "`tasks.py` cannot be imported"),
    ("import os; os.closerange(3, 256)", StartFailure, "the worker host ended"),
]


@pytest.mark.parametrize(("text", "kind", "complaint"), LOADS)
async def test_a_module_that_cannot_be_loaded_says_why(
    tmp_path: Path, text: str, kind: type[Exception], complaint: str
) -> None:
    (tmp_path / "tasks.py").write_text(text + "\n")
    with pytest.raises(kind, match=complaint):
        async with loaded(tmp_path / "tasks.py"):
            pass


async def test_a_module_that_never_ends_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("while True: pass\n")
    with pytest.raises(LimitReached, match="importing the environment took longer than 1 s"):
        async with loaded(tmp_path / "tasks.py", timeout=1.0):
            pass


@pytest.mark.slow
async def test_a_module_that_loads_only_once_fails_the_rollouts_that_need_it_again(
    tmp_path: Path,
) -> None:
    once = "import pathlib\npathlib.Path(__file__ + '.mark').mkdir()\n"
    (tmp_path / "tasks.py").write_text(once + RANDOM)
    async with loaded(tmp_path / "tasks.py", isolation="spawn") as (runtime, tasks):
        record = (await play_all(runtime, tasks))["throw"].record
    assert (record.status, record.boundary) == ("failed", "start")
    assert "FileExistsError" in (record.error or "")


@pytest.mark.slow
@pytest.mark.slow
async def test_a_request_that_has_no_answer_in_time_is_given_up(holding: Path) -> None:
    async with loaded(holding, timeout=6.0) as (runtime, tasks):
        record = (await play_all(runtime, tasks[:1]))["a"].record
    assert (record.boundary, record.error) == ("limit", "`prompts/get` had no answer within 6 s")


async def test_the_authors_module_never_runs_in_this_process(tmp_path: Path) -> None:
    source = tmp_path / "only_there.py"
    source.write_text("import builtins\nbuiltins.was_here = True\n" + RANDOM)

    async def play(ctx: EvalContext) -> None:
        await ctx.submit("x")

    async with loaded(source) as (runtime, tasks):
        assert (await play_all(runtime, tasks, play))["throw"].record.status == "scored"
    assert not hasattr(__builtins__, "was_here")


async def test_a_loader_that_is_not_there_is_a_failure_to_start() -> None:
    runtime = WorkerRuntime(Source("hud.eval.taskset:nosuch", {}))
    with pytest.raises(Exception, match="nosuch"):
        await runtime.load()
    await runtime.aclose()

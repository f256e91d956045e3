"""`hud eval`, from the author's file to the reward table and the exit status."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests import fake_provider
from tests.command import Command
from tests.controller.running import free_port
from tests.hud.cli.conftest import SLUGS, Run, files, records, rows
from tests.hud.eval.test_summary import SEED_PAGE


def test_the_first_task_of_the_file_runs_and_nothing_but_results_is_written(
    keyed: Command,
) -> None:
    ended = keyed("eval", "tasks.py", "gpt-4o", "--verbose")
    assert ended.returncode == 0, ended.stderr
    assert rows(ended.stdout) == {"strawberry-r": ["1", "1.0", "1.00"]}
    assert files(keyed.cwd) == {".hud", "env.py", "tasks.py"}
    assert "(2 model and 1 tool calls, " in ended.stderr
    (record,) = records(keyed.cwd)
    assert record["usage"]["input_tokens"] == 2 * fake_provider.INPUT


@pytest.mark.slow
def test_every_task_runs_with_the_agent_whose_key_is_set(keyed: Command) -> None:
    command = keyed.having(ANTHROPIC_API_KEY="")
    ended = command("eval", "--full", "--json", "out/job.json", "--junit", "junit.xml")
    assert ended.returncode == 0, ended.stderr
    assert list(rows(ended.stdout)) == SLUGS
    assert "  Total: 3 tasks × 1 run | Mean: 1.00 | Pass: 3/3 (100%)" in ended.stdout
    job = json.loads((keyed.cwd / "out/job.json").read_text())
    assert (job["variants"][0]["agent"], job["max_steps"]) == ("openai", 100)
    assert {record["task"] for record in job["rollouts"]} == set(SLUGS)
    assert len(ElementTree.parse(keyed.cwd / "junit.xml").getroot()) == 3


def test_the_seed_pages_table_to_the_letter(
    keyed: Command, provider: fake_provider.Running
) -> None:
    provider.control(script=[f"fixed:{answer}" for answer in "330000555"])
    arguments = ["--full", "--group-size", "3", "--max-concurrent", "1", "--quiet"]
    ended = keyed("eval", "tasks.py", "openai", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"{SEED_PAGE}\n"


@pytest.mark.slow
def test_a_folder_of_task_files_runs_with_any_compatible_endpoint(keyed: Command) -> None:
    folder = keyed.cwd / "tasks"
    folder.mkdir()
    for name in ("spelling", "counting"):
        text = (keyed.cwd / "tasks.py").read_text().replace('slug = "', f'slug = "{name}-')
        (folder / f"{name}.py").write_text(text)
    ended = keyed("eval", "tasks/", "openai_compatible", "-m", "my/model", "--full")
    assert ended.returncode == 0, ended.stderr
    assert list(rows(ended.stdout)) == [f"{n}-{s}" for n in ("counting", "spelling") for s in SLUGS]


@pytest.mark.parametrize(
    "agent", [["claude-sonnet-4-5"], ["claude"], ["openai"], ["-m", "gpt-5.4"], ["any-other-model"]]
)
@pytest.mark.slow
def test_agents_and_models_are_named_alike(keyed: Command, agent: list[str]) -> None:
    ended = keyed("eval", "tasks.py", *agent, "--task-ids", "abracadabra-a,strawberry-r")
    assert ended.returncode == 0, ended.stderr
    assert rows(ended.stdout) == {slug: ["1", "1.0", "1.00"] for slug in (SLUGS[2], SLUGS[0])}


def test_a_provider_that_refuses_fails_every_rollout(
    keyed: Command, provider: fake_provider.Running
) -> None:
    provider.control(default="status:503")
    ended = keyed("eval", "tasks.py", "openai", "--all")
    assert ended.returncode == 1
    assert rows(ended.stdout) == {slug: ["0", "–", "–"] for slug in SLUGS}
    assert "  Total: 3 tasks × 1 run | Mean: – | Pass: 0/0" in ended.stdout
    assert "  Failed: 3 (3 provider), not in mean and pass" in ended.stdout
    assert ended.stdout.count("openai answered 503") == 3
    assert [record.get("answer") for record in records(keyed.cwd)] == [None] * 3


REFUSALS = {
    "status:401": ("openai answered 401", "check OPENAI_API_KEY"),
    "status:404": ("openai answered 404", "have a model named"),
    "garbage": ("the answer is not JSON", ""),
    "wrong-shape": ("gave no usable answer", ""),
    "empty": ("gave no usable answer", ""),
    "status:400": ("openai answered 400", ""),
}


@pytest.mark.slow
def test_an_error_of_the_provider_is_never_an_answer(
    keyed: Command, provider: fake_provider.Running
) -> None:
    provider.control(script=list(REFUSALS))
    ended = keyed(
        "eval", "tasks.py", "openai", "--all", "--group-size", "2", "--max-concurrent", "1"
    )
    assert ended.returncode == 1
    for record, (error, hint) in zip(records(keyed.cwd), REFUSALS.values(), strict=True):
        assert (record["status"], record["boundary"]) == ("failed", "provider")
        assert "answer" not in record
        assert error in record["error"]
        assert record["error"] in ended.stdout
        assert hint in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


@pytest.mark.slow
def test_a_provider_that_cannot_be_reached_is_named(keyed: Command) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        ended = keyed.having(OPENAI_BASE_URL=url)("eval", "tasks.py", "openai")
    assert ended.returncode == 1
    assert "could not be reached" in ended.stdout
    assert f"hint: is {url} right? OPENAI_BASE_URL sets it" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ["limited:0.1", "errors:2:503"])
def test_a_provider_that_asks_for_patience_gets_it(
    keyed: Command, provider: fake_provider.Running, behaviour: str
) -> None:
    provider.control(default=behaviour)
    ended = keyed.having(HUD_PROVIDER_RETRIES="3")("eval", "tasks.py", "openai")
    assert ended.returncode == 0, ended.stdout
    assert rows(ended.stdout) == {"strawberry-r": ["1", "1.0", "1.00"]}


WATCH = """
import os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        with open(os.environ["WATCHED"], "a") as file:
            file.write(f"{event} {arguments[1] if event == 'socket.connect' else arguments[:2]}\\n")

sys.addaudithook(watch)
"""


@pytest.mark.parametrize("agent", ["oracle", pytest.param("openai", marks=pytest.mark.slow)])
def test_no_network_is_used_but_the_providers_and_the_controller_of_this_machine(
    keyed: Command, tmp_path: Path, agent: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    path = os.pathsep.join([str(tmp_path), keyed.env["PYTHONPATH"]])
    port = str(free_port())
    variables = {"HUD_API_URL": f"http://127.0.0.1:{port}", "HUD_API_KEY": "sk"}
    told = tmp_path / "connections"
    watched = keyed.having(**variables, PYTHONPATH=path, WATCHED=str(told))
    assert watched("eval", "tasks.py", agent).returncode == 0
    connections = told.read_text().splitlines() if told.exists() else []
    assert all("127.0.0.1" in line for line in connections)
    asked = [line for line in connections if port not in line]
    assert bool(asked) is (agent == "openai"), "the controller's port is the one exception"


def test_tasks_are_listed_and_nothing_runs(run: Run) -> None:
    status, out, err = run("eval", "--list")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == SLUGS
    assert "count(word='strawberry', letter='r')" in out
    assert ".hud" not in files(Path.cwd())


def test_json_tasks_run_in_the_environment_beside_them(run: Run) -> None:
    words = {"strawberry": "letter-counter:count", "apple": "count"}
    lines = [
        {"env": {"name": "letter-counter"}, "scenario": name, "args": {"word": word, "letter": "r"}}
        for word, name in words.items()
    ]
    Path("more.jsonl").write_text("\n".join(map(json.dumps, lines)))
    status, out, _ = run("eval", "more.jsonl", "nop", "--all")
    assert status == 0
    assert [name.startswith("count-") for name in rows(out)] == [True, True]


def test_the_folders_file_is_read(run: Run) -> None:
    text = '[eval]\nagent = "nop"\nall = true\ngroup_size = 2\nquiet = true\n'
    Path(".hud_eval.toml").write_text(text)
    status, out, err = run("eval", "tasks.py")
    assert (status, err) == (0, "")
    assert "Total: 3 tasks × 2 runs" in out


@pytest.mark.slow
def test_results_go_where_the_setting_says(letters: Command, tmp_path: Path) -> None:
    elsewhere = letters.having(HUD_RESULTS_DIR=str(tmp_path / "results"))
    assert elsewhere("eval", "tasks.py", "nop").returncode == 0
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["jobs"]
    assert ".hud" not in files(letters.cwd)


def test_results_that_cannot_be_written_stop_the_run(run: Run) -> None:
    Path(".hud").write_text("a file")
    status, out, err = run("eval", "tasks.py", "nop")
    assert (status, out) == (2, "")
    assert "cannot write results to .hud/jobs/" in err
    assert "hint: set HUD_RESULTS_DIR" in err


RANDOM = """
import random
from hud import Environment

env = Environment("chance")

@env.scenario("throw")
async def throw(n: int):
    yield "Throw."
    yield random.random()

tasks = [throw.task(n=n).copy(slug=f"throw-{n}") for n in range(2)]
"""


@pytest.mark.slow
def test_a_seed_repeats_every_rollouts_numbers(run: Run) -> None:
    Path("tasks.py").write_text(RANDOM)

    def rewards(*options: str) -> list[float]:
        run("eval", "tasks.py", "nop", "--all", "--group", "2", "--json", "job.json", *options)
        job = json.loads(Path("job.json").read_text())
        return [record["reward"] for record in sorted(job["rollouts"], key=lambda r: r["id"])]

    first, again, other = rewards("--seed", "7"), rewards("--seed", "7"), rewards("--seed", "8")
    assert first == again
    assert len({*first, *other, *rewards(), *rewards()}) == 16


@pytest.mark.parametrize(
    ("options", "model_calls", "tool_calls"),
    [
        (["--disallowed-tools", "count_*"], 1, 0),
        (["--allowed-tools", "other"], 1, 0),
        (["--allowed-tools", "count_letter"], 2, 1),
    ],
)
@pytest.mark.slow
def test_tools_are_kept_from_the_agent(
    keyed: Command, options: list[str], model_calls: int, tool_calls: int
) -> None:
    assert keyed("eval", "tasks.py", "openai", *options).returncode == 0
    (record,) = records(keyed.cwd)
    assert (record["model_calls"], record["tool_calls"]) == (model_calls, tool_calls)


@pytest.mark.slow
def test_running_out_of_steps_is_told_and_recorded(
    keyed: Command, provider: fake_provider.Running
) -> None:
    provider.control(default="loop")
    ended = keyed("eval", "tasks.py", "openai", "--max-steps", "3")
    assert ended.returncode == 0
    assert rows(ended.stdout) == {"strawberry-r": ["1", "0.0", "0.00"]}
    assert "1 runs used up their steps" in ended.stderr
    (record,) = records(keyed.cwd)
    assert (record["stop_reason"], record["model_calls"]) == ("max_steps", 3)


@pytest.mark.slow
def test_options_reach_the_agent_bare_and_dotted(
    keyed: Command, provider: fake_provider.Running
) -> None:
    pairs = ["-c", "max_output_tokens=77", "-c", "openai.temperature=0.5", "-c", "claude.x=1"]
    ended = keyed("eval", "tasks.py", "openai", *pairs)
    assert ended.returncode == 0, ended.stderr
    body = provider.requests[0]["body"]
    assert (body["max_output_tokens"], body["temperature"]) == (77, 0.5)


@pytest.mark.slow
def test_a_key_may_be_in_the_folders_env_file(
    letters: Command, provider: fake_provider.Running
) -> None:
    text = f"OPENAI_API_KEY=from-file\nOPENAI_BASE_URL={provider.openai_url}\n"
    (letters.cwd / ".env").write_text(text)
    assert letters("eval", "tasks.py").returncode == 0
    assert provider.requests[0]["headers"]["authorization"] == "Bearer from-file"


@pytest.mark.slow
def test_a_person_at_a_terminal_picks_the_agent(letters: Command) -> None:
    ours, theirs = pty.openpty()
    command = [*letters.argv, "eval", "tasks.py"]
    process = subprocess.Popen(
        command,
        cwd=letters.cwd,
        env=letters.env,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, b"nop\n")
    out, _ = process.communicate(timeout=30)
    told = os.read(ours, 65536).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "oracle" in told
    assert "Total: 1 task × 1 run | Mean: 0.00" in out.decode()

"""`hud eval` where something is missing or wrong: one line, the next command, an honest status."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import fake_provider
from tests.command import ROOT, Command
from tests.hud.cli.conftest import Run, files, rows


def test_without_agent_and_key_the_agents_are_listed(run: Run) -> None:
    status, out, err = run("eval", "tasks.py")
    assert (status, out) == (2, "")
    assert "no agent is named" in err
    assert "`oracle`" in err
    assert "hint: hud eval tasks.py oracle" in err


FIRST_CONTACT = [
    (["tasks.py", "claude", "-y"], "needs ANTHROPIC_API_KEY", "export ANTHROPIC_API_KEY="),
    (["tasks.py", "openai"], "needs OPENAI_API_KEY", "export OPENAI_API_KEY="),
    (["tasks.py", "gpt-4o"], "needs OPENAI_API_KEY", "export OPENAI_API_KEY="),
    (["tasks.py", "gtp-4o"], "no agent and no known model is named `gtp-4o`", "agents: claude"),
    (["tasks.py", "orcale"], "named `orcale`", "did you mean `oracle`?"),
    (["nosuch.py", "openai"], "there is no file or folder `nosuch.py`", ""),
    (["taks.py", "nop"], "there is no file or folder `taks.py`", "did you mean `tasks.py`?"),
    (["env.py", "nop"], "`env.py` holds no tasks", "scenario.task("),
    (["tasks.py", "nop", "--task-ids", "strawbery-r"], "`strawbery-r`", "mean `strawberry-r`?"),
    (["tasks.py", "nop", "--task-ids", "nosuch"], "`nosuch`", "there are `abracadabra-a`, "),
    (["tasks.py", "nop", "--task-ids", " , "], "--task-ids names no task", "--list"),
    (["tasks.py", "nop", "--group-size", "0"], "`group_size`", ""),
    (["tasks.py", "nop", "--isolation", "none"], "'fork', 'spawn', 'shared' or 'container'", ""),
    (["tasks.py", "nop", "--timeout", "0"], "`timeout`", ""),
    (["tasks.py", "nop", "--config", "novalue"], "`--config novalue` is not KEY=VALUE", ""),
    (["tasks.py", "nop", "-c", "clude.x=1"], "no agent `clude`", "did you mean `claude`?"),
    (["tasks.py", "nop", "-c", "sytem_prompt=x"], "`sytem_prompt`", "mean `system_prompt`?"),
    (["tasks.py", "openai_compatible"], "needs a model", "--model"),
    (["tasks.py", "operator"], "`operator` needs OPENAI_API_KEY", "OPENAI_API_KEY"),
    (["tasks.py", "nop", "--json", "env.py/x"], "cannot write env.py/x", ""),
    (["tasks.py", "nop", "--junit", "."], "cannot write .", ""),
]


@pytest.mark.parametrize(
    ("arguments", "error", "hint"), FIRST_CONTACT, ids=[" ".join(row[0]) for row in FIRST_CONTACT]
)
def test_what_is_missing_or_wrong_is_told_in_a_line_with_the_next_command(
    run: Run, arguments: list[str], error: str, hint: str
) -> None:
    status, out, err = run("eval", *arguments)
    lines = err.splitlines()
    assert (status, out) == (2, "")
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert len(lines) == (1 if not hint else 2) or not hint
    assert hint in lines[-1]
    assert files(Path.cwd()) - {"__pycache__"} == {"env.py", "tasks.py"}


BROKEN = [
    ("raise ValueError('no words')", "ValueError: no words"),
    ("import nosuchmodule", "No module named 'nosuchmodule'"),
    ("import os; os._exit(3)", "the worker host ended with exit status 3"),
]


@pytest.mark.parametrize(("text", "error"), BROKEN)
def test_a_broken_task_file_stops_the_run(run: Run, text: str, error: str) -> None:
    Path("tasks.py").write_text(text)
    status, out, err = run("eval", "tasks.py", "nop")
    assert (status, out) == (1 if "_exit" in text else 2, "")
    assert error in err.splitlines()[-1]
    assert f"{ROOT}/hud/" not in err
    assert ".hud" not in files(Path.cwd())


FAULTS = """
from hud import Environment

env = Environment("faults")

@env.scenario("fault")
async def fault(where: str):
    if where == "setup":
        raise ValueError("\\x1b[31mno \\u202ewords\\x07")
    yield "Say something."
    if where == "grading":
        raise ValueError("no key")
    yield float("nan") if where == "nan" else 0.0

tasks = [fault.task(where=where).copy(slug=where) for where in ("setup", "grading", "nan", "none")]
"""


def test_a_scenario_that_fails_is_told_with_its_reason(run: Run) -> None:
    Path("tasks.py").write_text(FAULTS)
    status, out, err = run("eval", "tasks.py", "nop", "--all")
    assert status == 1
    assert "Failed: 3 (2 grading, 1 setup), not in mean and pass" in out
    assert "setup #1  setup: scenario `fault` failed in setup: ValueError: [31mno words" in out
    assert "grading #1  grading: scenario `fault` failed in grading: ValueError: no key" in out
    assert "nan #1  grading: scenario `fault` yielded nan" in out
    assert rows(out)["none"] == ["1", "0.0", "0.00"]
    assert not set("\x1b\r\u202e") & set(out + err)


def test_all_answers_wrong_is_a_result_and_no_failure(run: Run) -> None:
    status, out, err = run("eval", "tasks.py", "nop", "--all")
    assert status == 0
    assert "Mean: 0.00 | Pass: 0/3 (0%)" in out
    assert [line.split()[0] for line in err.splitlines()] == [
        "tasks.py:",
        "✓",
        "✓",
        "✓",
        "results:",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("agent", "package"), [("openai", "openai"), ("claude", "anthropic")])
def test_a_providers_package_that_is_missing_is_told_with_the_install(
    letters: Command, tmp_path: Path, agent: str, package: str
) -> None:
    missing = f"raise ModuleNotFoundError('there is no {package}', name='{package}')"
    (tmp_path / f"{package}.py").write_text(missing)
    keys = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"), "key")
    path = os.pathsep.join([str(tmp_path), letters.env["PYTHONPATH"]])
    ended = letters.having(PYTHONPATH=path, **keys)("eval", "tasks.py", agent)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [
        f"error: the agent `{agent}` needs the package `{package}`",
        "hint: pip install 'hud-local[agents]'",
    ]


@pytest.mark.slow
def test_a_provider_that_never_answers_is_given_up(
    keyed: Command, provider: fake_provider.Running
) -> None:
    provider.control(default="hang")
    ended = keyed.having(HUD_PROVIDER_TIMEOUT="0.5")("eval", "tasks.py", "openai")
    assert ended.returncode == 1
    assert "did not answer" in ended.stdout
    assert "hint: HUD_PROVIDER_TIMEOUT sets how long to wait" in ended.stdout

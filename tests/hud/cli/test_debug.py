"""`hud debug` and `hud analyze`, as a user types them, without a container engine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hud.cli.main import main
from tests.command import ROOT, Command
from tests.hud.environment.served import free_port

Captured = pytest.CaptureFixture[str]
NO_ENGINE = "unix:///no/such/engine.sock"

PASSED = """\
✓ Phase 1: Module imports
✓ Phase 2: MCP server responds to initialize
✓ Phase 3: Tool discovery
✓ Phase 4: Tool execution
✓ Phase 5: Scenario setup and grading
✓ Phase 6: Isolation
✓ Phase 7: Clean shutdown
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A folder with the environment that every author starts from, and no Dockerfile."""
    (tmp_path / "letters").mkdir()
    shutil.copy(ROOT / "env_template" / "env.py", tmp_path / "letters")
    return tmp_path / "letters"


@pytest.mark.slow
def test_the_template_passes_every_phase(hud_cli: Command, template: Path) -> None:
    ended = hud_cli.within(template)("debug", "env:env")
    assert (ended.returncode, ended.stdout) == (0, PASSED), ended.stderr
    assert "1 scenario set up and graded" in ended.stderr


def test_the_failing_phase_is_shown_with_error_and_fix(hud_cli: Command, template: Path) -> None:
    with (template / "env.py").open("a") as file:
        file.write("\nimport no_such_package_here\n")
    ended = hud_cli.within(template)("debug")
    assert ended.returncode == 1
    assert ended.stdout.splitlines() == [
        "✗ Phase 1: Module import failed",
        "  → Error: `env.py` cannot be imported: ModuleNotFoundError: "
        "No module named 'no_such_package_here'",
        "  → Fix: install it: pip install no_such_package_here",
    ]
    assert "  | ModuleNotFoundError" in ended.stderr
    assert "server:" not in ended.stderr


def test_json_is_one_document_and_nothing_else(template: Path, capsys: Captured) -> None:
    assert main(["debug", str(template), "--json", "--max-phase", "3"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["passed"]) == ("module", True)
    assert [phase["number"] for phase in document["phases"]] == [1, 2, 3]


@pytest.mark.parametrize(
    "arguments",
    [["debug", ".", "--max-phase", "8"], ["debug", "Not An Image"], ["debug", "x", "--cpus", "no"]],
)
def test_wrong_usage_is_two(arguments: list[str], capsys: Captured) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("command", ["debug", "analyze"])
def test_without_an_engine_an_image_is_one_line_and_the_next_step(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    assert main([command, "my-env:latest", "-e", "KEY=VALUE"]) == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: no container engine answers at {NO_ENGINE}")
    assert hint.startswith("hint: start Docker")


def test_analyze_prints_json(template: Path, capsys: Captured) -> None:
    assert main(["analyze", str(template), "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in listed["scenarios"]] == ["letter-counter:count"]


def test_analyze_of_a_url_where_nobody_answers_is_one(capsys: Captured) -> None:
    assert main(["analyze", f"http://127.0.0.1:{free_port()}/mcp"]) == 1
    assert "is its server up?" in capsys.readouterr().err

"""Shells in the forms of OpenAI and Gemini."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hud.tools.coding import GeminiShellTool, ShellTool
from tests.hud.tools.calling import call, closed_after, ends, failure, is_running, text

pytestmark = pytest.mark.anyio


async def outputs(tool: ShellTool, **arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await call(tool, **arguments))["output"]
    return found


async def test_each_command_has_its_own_output_and_outcome() -> None:
    async with closed_after(ShellTool()) as tool:
        assert await outputs(tool, commands=["a=1; echo $a", "echo $a >&2; (exit 3)"]) == [
            {"stdout": "1\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
            {"stdout": "", "stderr": "1\n", "outcome": {"type": "exit", "exit_code": 3}},
        ]


async def test_a_command_that_takes_too_long_ends_the_call() -> None:
    async with closed_after(ShellTool()) as tool:
        await call(tool, commands=["true"])
        done = await outputs(tool, commands=["echo a; sleep 60", "echo never"], timeout_ms=200)
        assert [item["stdout"] for item in done] == ["a\n"]
        assert done[0]["outcome"]["type"] == "timeout"
        assert (await outputs(tool, commands=["echo on"]))[0]["stdout"] == "on\n"


async def test_output_is_cut_to_the_length_that_was_asked_for(tmp_path: Path) -> None:
    async with closed_after(ShellTool(cwd=str(tmp_path))) as tool:
        (done,) = await outputs(tool, commands=["echo 123456; pwd >&2"], max_output_length=3)
        assert (done["stdout"], done["stderr"]) == ("123", str(tmp_path)[:3])


async def test_a_command_that_ends_the_shell_is_no_failure() -> None:
    async with closed_after(ShellTool()) as tool:
        done = await outputs(tool, commands=["exit 4", "echo on"])
        assert [item["outcome"]["exit_code"] for item in done] == [4, 0]


async def test_no_commands_are_an_error() -> None:
    assert "no commands" in await failure(ShellTool())


async def test_geminis_shell_tells_everything(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    tool = GeminiShellTool(base_directory=str(tmp_path))
    told = await text(tool, command="pwd; echo e >&2; exit 2", dir_path="sub")
    assert told.splitlines()[:5] == [
        "Command: pwd; echo e >&2; exit 2",
        "Directory: sub",
        f"Output: {tmp_path}/sub",
        "Error: e",
        "Exit Code: 2",
    ]


async def test_geminis_shell_keeps_background_processes_and_names_them(tmp_path: Path) -> None:
    async with closed_after(GeminiShellTool(base_directory=str(tmp_path))) as tool:
        told = await text(tool, command="sleep 60 & echo started")
        pid = int(told.partition("Background PIDs: ")[2].splitlines()[0])
        assert "Output: started" in told
        assert is_running(pid)
    assert ends(pid)


async def test_geminis_shell_kills_the_group_when_time_is_over(tmp_path: Path) -> None:
    tool = GeminiShellTool(base_directory=str(tmp_path))
    told = await text(tool, command="sleep 60 & echo $!; sleep 60", timeout_ms=300)
    pid = int(told.partition("Output: ")[2].splitlines()[0])
    assert "timed out after 0.3 seconds" in told
    assert ends(pid)


async def test_geminis_shell_names_the_signal_that_ended_a_command(tmp_path: Path) -> None:
    told = await text(GeminiShellTool(str(tmp_path)), command="kill -TERM $$")
    assert "Exit Code: (none)\nSignal: SIGTERM" in told


@pytest.mark.parametrize("folder", ["..", "/", "missing"])
async def test_geminis_shell_stays_in_its_folder(tmp_path: Path, folder: str) -> None:
    tool = GeminiShellTool(base_directory=str(tmp_path))
    told = await failure(tool, command="true", dir_path=folder)
    assert "is outside of" in told or "no folder" in told

"""The bash tool: a shell that stays, whatever is asked of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hud.errors import ToolError
from hud.tools import BashTool
from hud.tools.coding import ClaudeBashSession
from hud.tools.coding.utils import get_demote_preexec_fn
from hud.tools.types import ContentResult
from tests.hud.tools.calling import (
    LIMIT,
    call,
    closed_after,
    definition,
    ends,
    failure,
    is_running,
    text,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bash() -> AsyncIterator[BashTool]:
    async with closed_after(BashTool(timeout=LIMIT)) as tool:
        yield tool


async def hasty() -> BashTool:
    """A tool whose shell runs already and whose commands may take half a second."""
    tool = BashTool(timeout=LIMIT)
    await tool(restart=True)
    assert tool.session is not None
    tool.session._timeout = 0.5
    return tool


async def test_a_command_says_what_it_says(bash: BashTool) -> None:
    assert await text(bash, command="echo hi") == "hi\n"


async def test_error_output_and_exit_status_are_told(bash: BashTool) -> None:
    result = await call(bash, command="echo out; echo err >&2; (exit 3)")
    assert [getattr(block, "text", "") for block in result.content] == [
        "out\n",
        "err\n[exit status 3]",
    ]


async def test_a_silent_success_returns_nothing(bash: BashTool) -> None:
    assert (await call(bash, command="true")).content == []


async def test_folder_variables_functions_and_status_stay(bash: BashTool, tmp_path: Path) -> None:
    await call(bash, command=f"cd {tmp_path}; export A=1; b=2; f() {{ echo f; }}; (exit 7)")
    assert await text(bash, command="echo $? $A $b; pwd; f") == f"7 1 2\n{tmp_path}\nf\n"


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("cat <<'END'\nit's\n$HOME\nEND", "it's\n$HOME\n"),
        ("for x in a b; do\n  echo $x\ndone", "a\nb\n"),
        ("printf 'no newline'", "no newline"),
        ("cat; echo after", "after\n"),
        ("# only a comment", ""),
        ("echo 'ünïcödé \u2713'", "ünïcödé \u2713\n"),
    ],
)
async def test_commands_of_every_form_end(bash: BashTool, command: str, output: str) -> None:
    assert await text(bash, command=command) == output


async def test_an_unfinished_command_is_an_error_and_the_shell_goes_on(bash: BashTool) -> None:
    assert "unexpected EOF" in await text(bash, command="echo 'unclosed")
    assert await text(bash, command="echo on") == "on\n"


async def test_traced_commands_do_not_confuse_it(bash: BashTool) -> None:
    await call(bash, command="set -x")
    assert (await text(bash, command="echo a")).startswith("a\n")


async def test_binary_output_becomes_text(bash: BashTool) -> None:
    said = await text(bash, command=r"printf 'a\x00b\xffc'")
    assert said.replace("\N{REPLACEMENT CHARACTER}", "?") == "a?b?c"


async def test_ten_megabytes_are_cut_in_the_middle(bash: BashTool) -> None:
    said = await text(
        bash, command="echo first; head -c 10000000 /dev/zero | tr '\\0' x; echo last"
    )
    assert said.startswith("first\n")
    assert said.endswith("xlast\n")
    assert "bytes left out" in said
    assert len(said) < 70_000


async def test_commands_at_the_same_time_run_one_after_the_other(bash: BashTool) -> None:
    commands = ("x=1", "x=$((x + 1))", "echo $x")
    results = await asyncio.gather(*(bash(command=command) for command in commands))
    assert getattr(results[2][0], "text", "") == "2\n"


async def test_a_background_process_stays_and_does_not_hold_the_command(bash: BashTool) -> None:
    pid = int(await text(bash, command="sleep 60 & echo $!"))
    assert is_running(pid)
    assert await text(bash, command="kill %1; wait %1 2>/dev/null; echo gone") == "gone\n"


async def test_a_talkative_background_process_does_not_block(bash: BashTool) -> None:
    await call(bash, command="yes >&2 &")
    result = await call(bash, command="head -c 1000000 /dev/zero >/dev/null; echo done")
    assert getattr(result.content[0], "text", "") == "done\n"


async def test_a_command_that_takes_too_long_is_killed_with_everything_it_started() -> None:
    async with closed_after(await hasty()) as tool:
        told = await failure(tool, command="sleep 60 & echo $!; sleep 60")
        assert "timed out after 0.5 s" in told
        assert "were killed" in told
        pid = int(told.partition("output so far:\n")[2])
        assert ends(pid)


async def test_after_a_timeout_the_next_command_has_a_new_shell() -> None:
    async with closed_after(await hasty()) as tool:
        await failure(tool, command="a=1; sleep 60")
        tool.session._timeout = LIMIT
        assert await text(tool, command="echo [$a]") == "[]\n"


async def test_a_restart_forgets_and_kills(bash: BashTool) -> None:
    pid = int(await text(bash, command="a=1; sleep 60 & echo $!"))
    assert await text(bash, restart=True) == "Bash session restarted."
    assert await text(bash, command="echo [$a]") == "[]\n"
    assert ends(pid)


async def test_a_command_that_ends_the_shell_says_so_and_the_next_one_works(bash: BashTool) -> None:
    told = await failure(bash, command="echo bye; sleep 60 & exit 3")
    assert "exited with status 3" in told
    assert "bye" in told
    assert await text(bash, command="echo back") == "back\n"


async def test_a_cancelled_call_leaves_a_tool_that_works(bash: BashTool) -> None:
    await bash(command="true")
    waiting = asyncio.create_task(bash(command="sleep 60"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await text(bash, command="echo on") == "on\n"


async def test_no_command_is_an_error(bash: BashTool) -> None:
    assert "no command was given" in await failure(bash)


async def test_a_nul_character_is_refused(bash: BashTool) -> None:
    assert "NUL" in await failure(bash, command="echo \0")


async def test_closing_kills_and_the_next_command_starts_again() -> None:
    tool = BashTool()
    pid = int(await text(tool, command="sleep 60 & echo $!"))
    await tool.close()
    assert ends(pid)
    async with closed_after(tool):
        assert await text(tool, command="echo again") == "again\n"


def test_a_tool_works_in_one_event_loop_after_the_other() -> None:
    tool = BashTool()

    async def once() -> str:
        said = await text(tool, command="echo $((n += 1))")
        await tool.close()
        return said

    assert [asyncio.run(once()), asyncio.run(once())] == ["1\n", "1\n"]


async def test_a_session_has_to_be_started_and_remembers_its_timeout() -> None:
    session = ClaudeBashSession(timeout=0.2)
    with pytest.raises(ToolError, match="not been started"):
        await session.run("true")
    async with closed_after(session):
        await session.start()
        assert (session._started, session._timed_out) == (True, False)
        with pytest.raises(ToolError, match="timed out"):
            await session.run("sleep 60")
        assert session._timed_out
        with pytest.raises(ToolError, match="restart=true"):
            await session.run("true")


class OwnShell(ClaudeBashSession):
    """Starts its shell itself, as published environments do."""

    async def start(self) -> None:
        if self._started:
            return
        self._process = await asyncio.create_subprocess_shell(
            self.command,
            preexec_fn=os.setsid,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "OWN": "mine"},
        )
        self._started = True
        self._timed_out = False


async def test_a_session_that_a_subclass_starts_is_used_as_it_is() -> None:
    async with closed_after(BashTool(session=OwnShell(timeout=LIMIT))) as tool:
        assert (
            await text(tool, command="echo $OWN; echo e >&2; false") == "mine\n\ne\n[exit status 1]"
        )
        assert await text(tool, restart=True) == "Bash session restarted."
        assert await text(tool, command="echo $OWN") == "mine\n"


async def test_a_session_can_be_given_and_used_without_a_tool() -> None:
    session = ClaudeBashSession()
    async with closed_after(session):
        await session.start()
        assert await session.run("echo hi") == ContentResult(output="hi\n")


def test_the_private_names_that_published_code_uses_are_there() -> None:
    session: Any = ClaudeBashSession(timeout=3)
    tool = BashTool(session=session, timeout=7)
    assert (tool.session, tool._timeout) == (session, 7)
    assert (session._started, session._timed_out, session._process) == (False, False, None)


def test_claude_is_told_that_it_knows_the_tool() -> None:
    meta = definition(BashTool()).meta or {}
    spec = meta["native_tools"]["claude"]
    assert (spec["api_type"], spec["api_name"], spec["role"]) == ("bash_20250124", "bash", "shell")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up rights")
async def test_published_code_can_give_up_roots_rights() -> None:
    process = await asyncio.create_subprocess_exec(
        "id", "-u", stdout=asyncio.subprocess.PIPE, preexec_fn=get_demote_preexec_fn()
    )
    assert (await process.communicate())[0] == b"1000\n"

"""Every ready-made tool in-process, by calls that have to give the same in an image."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from hud import Environment
from hud.types import MCPToolCall, MCPToolResult
from tests.command import ROOT

pytestmark = pytest.mark.anyio

SOURCE = ROOT / "tests/environments/toolshed/env.py"
LIMIT = 60.0
"""Seconds that all calls may take."""

IMAGE = "image"
PATCH = {"type": "create_file", "path": "patched.txt", "diff": "+from a patch\n"}
CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("bash", {"command": "printf 'one\\ntwo\\n' > shed/notes.txt; cat shed/notes.txt"}, "one\ntwo"),
    ("bash", {"command": "echo oops >&2"}, "oops"),
    (
        "edit",
        {"command": "str_replace", "path": "notes.txt", "old_str": "two", "new_str": "2"},
        "2",
    ),
    ("edit", {"command": "undo_edit", "path": "notes.txt"}, "two"),
    ("shell", {"commands": ["cat notes.txt", "exit 3"]}, '"exit_code":3'),
    ("apply_patch", PATCH, "Created patched.txt"),
    ("gemini_shell", {"command": "cat patched.txt"}, "from a patch"),
    ("write_file", {"file_path": "written.txt", "content": "red fox"}, "written.txt"),
    (
        "replace",
        {"file_path": "written.txt", "instruction": "", "old_string": "red", "new_string": "grey"},
        "written.txt",
    ),
    ("read", {"filePath": "written.txt"}, "grey fox"),
    ("read", {"filePath": "dot.png"}, IMAGE),
    ("grep", {"pattern": "gr.y"}, "written.txt"),
    ("glob", {"pattern": "*.png"}, "dot.png"),
    ("list", {}, "notes.txt"),
    ("gemini_read", {"file_path": "written.txt"}, "grey fox"),
    ("gemini_search", {"pattern": "GREY"}, "written.txt"),
    ("list_directory", {"dir_path": "."}, "dot.png"),
    ("gemini_glob", {"pattern": "*.txt"}, "written.txt"),
    ("read_many_files", {"include": ["*.txt"]}, "grey fox"),
    ("memory", {"command": "create", "path": "/memories/m.txt", "file_text": "kept"}, "m.txt"),
    ("memory", {"command": "view", "path": "/memories/m.txt"}, "kept"),
    ("session_memory", {"action": "add", "text": "the fox is grey"}, ""),
    ("session_memory", {"action": "search", "text": "grey"}, "the fox is grey"),
    ("gemini_memory", {"fact": "Foxes are grey."}, "Foxes are grey."),
    ("computer", {"action": "screenshot"}, IMAGE),
    ("anthropic_computer", {"action": "left_click", "coordinate": [1, 2]}, IMAGE),
    ("openai_computer", {"type": "click", "x": 1, "y": 2, "button": "left"}, IMAGE),
    ("gemini_computer", {"action": "click_at", "x": 1, "y": 2}, IMAGE),
    ("response", {"response": "said"}, "said"),
    ("submit_answer", {"response": "42"}, "42"),
    ("whisper", {"word": "hush"}, "hush"),
]
"""Tool, arguments, and what its answer holds, in order."""

OUTSIDE: list[tuple[str, dict[str, Any]]] = [
    ("edit", {"command": "view", "path": "../env.py"}),
    ("read", {"filePath": "way-out/passwd"}),
    ("grep", {"pattern": "x", "path": "/etc"}),
    ("list", {"path": "way-out"}),
    ("glob", {"pattern": "*", "path": ".."}),
    ("gemini_read", {"file_path": "way-out/passwd"}),
    ("list_directory", {"dir_path": ".."}),
    ("gemini_search", {"pattern": "x", "dir_path": "/etc"}),
    ("gemini_glob", {"pattern": "*", "dir_path": "way-out"}),
    ("write_file", {"file_path": "../x", "content": "x"}),
    ("memory", {"command": "view", "path": "/memories/../../env.py"}),
    ("gemini_shell", {"command": "ls", "dir_path": ".."}),
]
"""Calls that leave the folder, by `..`, by an absolute path or by a symbolic link."""


async def failing(env: Environment) -> list[str]:
    """The calls that did not give what they have to."""
    calls = [*CALLS, ("bash", {"command": "ln -s /etc shed/way-out"}, "")]
    async with asyncio.timeout(LIMIT):
        return [
            f"{name}: {result.text[:300]}"
            for name, arguments, told in calls
            if not _gives(result := await _called(env, name, arguments), told)
        ]


async def reached(env: Environment) -> list[str]:
    """The calls that could leave the folder."""
    async with asyncio.timeout(LIMIT):
        return [
            f"{name}: {result.text[:300]}"
            for name, arguments in OUTSIDE
            if not (result := await _called(env, name, arguments)).is_error
        ]


async def _called(env: Environment, name: str, arguments: dict[str, Any]) -> MCPToolResult:
    result: MCPToolResult = await env.call_tool(MCPToolCall(name=name, arguments=arguments))
    return result


def _gives(result: MCPToolResult, told: str) -> bool:
    if told == IMAGE:
        return any(block.type == "image" for block in result.content)
    return told in result.text and not result.is_error


def environment() -> Environment:
    """The environment with every tool, on a folder of the current one."""
    spec = importlib.util.spec_from_file_location("toolshed", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Environment = module.env
    return found


async def test_every_tool_works_in_process_and_stays_in_its_folder(tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        async with environment() as env:
            assert {tool.name for tool in env.as_tools()} == {name for name, *_ in CALLS}
            assert await failing(env) == []
            assert await reached(env) == []

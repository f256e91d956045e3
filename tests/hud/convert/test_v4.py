"""v4 task files as v5 JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import hud.convert.v4 as names
from hud.convert.v4 import as_json, as_json_lines, convert_file
from hud.errors import UserError
from hud.task import Task

V4: dict[str, Any] = {
    "id": "Buy It",
    "prompt": "Kauf es für ${USER}.",
    "mcp_config": {"hud": {"url": "${URL:https://x.example}", "headers": {"A": "${KEY}"}}},
    "setup_tool": {"navigate": {"url": "https://shop.example"}},
    "evaluate_tool": [{"name": "check_cart", "arguments": None}],
    "integration_test_tool": {"add": {"item": "laptop"}},
    "agent_config": {"system_prompt": "Be brief.", "allowed_tools": ["*"]},
}
V5: dict[str, Any] = {
    "env": {"name": "v4-legacy"},
    "scenario": "legacy",
    "args": {
        "prompt": "Kauf es für ${USER}.",
        "mcp_config": {"hud": {"url": "${URL:https://x.example}", "headers": {"A": "${KEY}"}}},
        "setup_tool": [{"name": "navigate", "arguments": {"url": "https://shop.example"}}],
        "evaluate_tool": [{"name": "check_cart", "arguments": {}}],
    },
    "id": "Buy It",
    "slug": "buy-it",
    "validation": [{"name": "add", "arguments": {"item": "laptop"}}],
    "agent_config": {"system_prompt": "Be brief."},
}
OTHER = {**V4, "id": "other"}
MINE = {"env": {"name": "mine"}, "scenario": "count", "args": {"n": 1}, "columns": {"a": 1}}

FILES = [
    ("tasks.json", json.dumps([V4, MINE]), 2),
    ("tasks.json", json.dumps(V4), 1),
    ("tasks.json", "\ufeff" + json.dumps([V4]), 1),
    ("tasks.jsonl", f"{json.dumps(V4)}\n\n{json.dumps(OTHER)}\n", 2),
    ("tasks.jsonl", f"{json.dumps([V4, OTHER])}\n{json.dumps(MINE)}", 3),
]

BROKEN = [
    ("tasks.json", "", "tasks.json"),
    ("tasks.json", "[]", "`tasks.json` holds no tasks"),
    ("tasks.json", "[{},]", "tasks.json"),
    ("tasks.json", '["a"]', "tasks.json, item 0"),
    ("tasks.json", json.dumps([V4, {"prompt": "Win."}]), "tasks.json, item 1: .* no `mcp_config`"),
    ("tasks.json", json.dumps([{"game": "2048"}]), "tasks.json, item 0: .* no `prompt`"),
    ("tasks.json", json.dumps([V4, V4]), "`tasks.json`: two tasks have the slug `buy-it`"),
    ("tasks.jsonl", f"{json.dumps(V4)}\n{{", "tasks.jsonl:2"),
    ("tasks.jsonl", json.dumps({**V4, "slug": "Not Kebab"}), "tasks.jsonl:1: .*`slug`"),
    ("tasks.txt", json.dumps([V4]), "no JSON or JSON Lines file"),
]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "text", "count"), FILES)
def test_every_kind_of_file_is_read_in_order(
    tmp_path: Path, name: str, text: str, count: int
) -> None:
    converted = convert_file(written(tmp_path, name, text))
    assert len(converted) == count
    assert converted[0] == V5


def test_a_v5_task_stays_as_it_is(tmp_path: Path) -> None:
    assert convert_file(written(tmp_path, "tasks.json", json.dumps([MINE]))) == [MINE]


@pytest.mark.parametrize(("name", "text", "reason"), BROKEN)
def test_a_broken_file_is_an_error_with_its_place(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        convert_file(written(tmp_path, name, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file `.*nowhere\.json`"):
        convert_file(tmp_path / "nowhere.json")


@pytest.mark.parametrize(("render", "name"), [(as_json, "v5.json"), (as_json_lines, "v5.jsonl")])
def test_converting_again_changes_nothing(tmp_path: Path, render: Any, name: str) -> None:
    once = convert_file(written(tmp_path, "tasks.json", json.dumps([V4, OTHER])))
    assert convert_file(written(tmp_path, name, render(once))) == once


def test_text_stays_readable_in_json_and_whole_in_json_lines() -> None:
    odd = [{"prompt": "für \u2028 dich"}]
    assert "für" in as_json(odd)
    assert [json.loads(line) for line in as_json_lines(odd).splitlines()] == odd


def test_what_is_written_is_a_task() -> None:
    assert Task(**V5).to_json()["args"] == V5["args"]


def test_every_published_name_is_there() -> None:
    assert [name for name in names.__all__ if not hasattr(names, name)] == []

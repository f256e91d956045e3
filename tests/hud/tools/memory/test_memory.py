"""Memories: of a session, in Claude's files, in Gemini's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hud.errors import UserError
from hud.tools import ClaudeMemoryTool, GeminiMemoryTool, MemoryTool, SessionMemoryTool
from tests.hud.tools.calling import contents, failure, text

pytestmark = pytest.mark.anyio


async def test_a_session_finds_the_texts_that_share_words() -> None:
    tool = SessionMemoryTool()
    for fact in ("the cat sleeps", "a dog barks", "the cat eats the fish"):
        assert await text(tool, action="add", text=fact) == "stored"
    assert await text(tool, action="search", text="Cat sleeps?") == (
        "1. the cat sleeps\n2. the cat eats the fish"
    )
    assert await text(tool, action="search", text="bird") == "no matches"
    assert "unknown action" in await failure(tool, action="forget", text="")


def test_a_session_uses_no_database() -> None:
    with pytest.raises(UserError, match="Qdrant"):
        MemoryTool(qdrant_url="http://127.0.0.1:6333")


async def test_claude_keeps_files(tmp_path: Path) -> None:
    tool = ClaudeMemoryTool(memories_dir=tmp_path)
    path = "/memories/notes/a.txt"
    await text(tool, command="create", path=path, file_text="one\ntwo\n")
    await text(tool, command="str_replace", path=path, old_str="one", new_str="1")
    await text(tool, command="insert", path=path, insert_line=2, insert_text="three")
    assert (tmp_path / "notes" / "a.txt").read_text() == "1\ntwo\nthree\n"
    shown = await text(tool, command="view", path=path)
    assert path in shown
    assert str(tmp_path) not in shown


async def test_claude_renames_deletes_and_lists(tmp_path: Path) -> None:
    tool = ClaudeMemoryTool(memories_dir=tmp_path)
    await text(tool, command="create", path="/memories/a", file_text="x")
    await text(tool, command="rename", old_path="/memories/a", new_path="/memories/b/c")
    assert "\t/memories/b/c" in await text(tool, command="view", path="/memories")
    await text(tool, command="delete", path="/memories/b")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    "path", ["/memories/../x", "/etc/passwd", "memories", "/memoriesx", "/memories/link/x"]
)
async def test_claude_stays_below_its_folder(tmp_path: Path, path: str) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "link").symlink_to(tmp_path)
    tool = ClaudeMemoryTool(memories_dir=base)
    told = await failure(tool, command="create", path=path, file_text="x")
    assert "outside of" in told or "not below" in told
    assert not (tmp_path / "x").exists()


async def test_claudes_folder_itself_is_not_deleted(tmp_path: Path) -> None:
    tool = ClaudeMemoryTool(memories_dir=tmp_path)
    assert "cannot be deleted" in await failure(tool, command="delete", path="/memories")


async def test_gemini_appends_facts_to_its_section(tmp_path: Path) -> None:
    path = tmp_path / "GEMINI.md"
    path.write_text("# Mine\n\n## Gemini Added Memories\n- old\n\n## Other\nrest\n")
    tool = GeminiMemoryTool(memory_dir=tmp_path)
    assert await text(tool, fact="- likes\n tea") == 'Okay, I\'ve remembered that: "likes tea"'
    assert tool.get_all_memories() == ["old", "likes tea"]
    assert path.read_text() == (
        "# Mine\n\n## Gemini Added Memories\n- old\n- likes tea\n\n## Other\nrest\n"
    )


async def test_gemini_makes_its_file(tmp_path: Path) -> None:
    await text(GeminiMemoryTool(memory_dir=tmp_path), fact="likes tea")
    assert (tmp_path / "GEMINI.md").read_text() == "## Gemini Added Memories\n- likes tea\n"


async def test_an_empty_fact_is_refused(tmp_path: Path) -> None:
    assert "empty" in await failure(GeminiMemoryTool(memory_dir=tmp_path), fact=" - ")

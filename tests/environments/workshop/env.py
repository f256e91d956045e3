"""Small repairs: the agent has a shell and an editor, the tests say what it is worth."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hud import Environment
from hud.native.graders import BashGrader, Grade, Grader
from hud.tools.coding import BashTool, EditTool, ShellTool
from hud.tools.filesystem import GlobTool, GrepTool, ListTool, ReadTool
from hud.tools.types import SubScore

REPO = Path(tempfile.gettempdir(), "workshop", "repo")

env = Environment("workshop")
bash = BashTool()
env.add_tool(bash)
env.add_tool(EditTool())
env.add_tool(ShellTool(cwd=str(REPO.parent)))
for tool in (ReadTool, GrepTool, GlobTool, ListTool):
    env.add_tool(tool(base_path=str(REPO.parent)))

FILES = {
    "shapes.py": "def area(width, height):\n    return width + height\n",
    "README": "Shapes.\n",
}


class FileGrader(Grader):
    """Whether a file has a text."""

    name = "FileGrader"

    @classmethod
    async def compute_score(cls, path: str, text: str, **kwargs: Any) -> tuple[float, dict]:
        content = (REPO / path).read_text()
        return float(text in content), {"size": len(content)}


@env.initialize
async def init(ctx: Any) -> None:
    REPO.mkdir(parents=True, exist_ok=True)


def checkout() -> None:
    shutil.rmtree(REPO, ignore_errors=True)
    REPO.mkdir(parents=True)
    for name, text in FILES.items():
        (REPO / name).write_text(text)


@env.scenario("repair")
async def repair(hint: bool = False) -> Any:
    """Repair a function; half a point for the documentation."""
    checkout()
    prompt = f"`area` in {REPO}/shapes.py is wrong. Repair it, and tell so in the README."
    yield prompt + (" It has to multiply." if hint else "")
    check = f"cd {REPO} && python3 -c 'import shapes; assert shapes.area(3, 4) == 12'"
    yield await Grade.gather(
        BashGrader.grade(name="works", weight=0.6, command=check, timeout_seconds=30),
        FileGrader.grade(name="told", weight=0.4, path="README", text="area"),
        SubScore(name="rubble", weight=-0.2, value=float((REPO / "rubble.txt").exists())),
    )


@env.scenario("leave-a-note")
async def leave_a_note(text: str = "done") -> Any:
    checkout()
    yield f"Write {text!r} to {REPO}/note.txt."
    note = REPO / "note.txt"
    written = note.is_file() and note.read_text().strip() == text
    yield [
        SubScore(name="there", weight=0.5, value=float(note.is_file())),
        SubScore(name="right", weight=0.5, value=float(written)),
    ]

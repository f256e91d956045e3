"""The documents are true: their files import, their commands print what they show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import ROOT, Command, Finished

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "env_template/README.md", "docs/migration.md"]
BLOCK = re.compile(
    r"(?P<exempt><!-- not run: [^\n]+ -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    kind: str
    text: str
    is_exempt: bool

    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command with the output that the block shows; an `sh` block shows none."""
        if self.kind == "sh":
            yield from ((line, "…") for line in self.text.splitlines() if line)
        else:
            for chunk in re.split(r"^\$ ", self.text, flags=re.M)[1:]:
                command, _, output = chunk.partition("\n")
                yield command, output


def blocks(document: str) -> list[Block]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return [Block(m["kind"], m["text"], m["exempt"] is not None) for m in BLOCK.finditer(text)]


@pytest.mark.parametrize("document", ["README.md", "docs/migration.md"])
def test_every_file_and_command_of_a_document_works(document: str, python: Command) -> None:
    run = [block for block in blocks(document) if not block.is_exempt]
    for block in run:
        if block.kind == "python":
            write_and_import(python, block.text)
        elif block.kind in {"console", "sh"}:
            for command, shown in block.commands():
                check(shell(python, command), command, shown)
    assert {"python", "console"} <= {block.kind for block in run}


def write_and_import(python: Command, text: str) -> None:
    name = re.match(r"# (\w+)\.py\n", text)
    assert name, f"a python block opens with the name of its file:\n{text}"
    (python.cwd / f"{name[1]}.py").write_text(text, encoding="utf-8")
    ended = python("-W", "error", "-c", f"import sys; sys.path.insert(0, '.'); import {name[1]}")
    assert ended.returncode == 0, ended.stderr


def shell(python: Command, command: str) -> Finished:
    """Run a shown command with this checkout's `hud` and this interpreter."""
    program, *arguments = shlex.split(command, comments=True)
    module = {"hud": ("-P", "-m", "hud.cli"), "python": ()}[program]
    return Command((python.argv[0], *module), python.cwd, python.env)(*arguments)


def check(ended: Finished, command: str, shown: str) -> None:
    assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
    assert re.fullmatch(loosely(shown), tidy(ended.stdout)), f"{command} printed:\n{ended.stdout}"


def loosely(shown: str) -> str:
    """A pattern for output that is like `shown`: `…` stands for anything, a time for any time."""
    literal = re.escape(tidy(shown)).replace(re.escape("…"), "(?s:.*)")
    return re.sub(r"\d+(?:\\\.\d+)?(?=(?:\\ )?m?s\b)", r"[\\d.]+", literal)


def tidy(text: str) -> str:
    """Text without what a reader does not see: runs of spaces, lengths of rules, empty lines."""
    lines = (re.sub(r"─+", "─", " ".join(line.split())) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_of_a_document_leads_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    links = re.findall(
        r"\]\((?!https?://|#)([^)#]+)", (ROOT / document).read_text(encoding="utf-8")
    )
    assert [link for link in links if not Path(folder, link).exists()] == []


def test_the_environment_of_the_readme_is_the_template() -> None:
    shown = next(block.text for block in blocks("README.md") if block.kind == "python")
    kept = (ROOT / "env_template/env.py").read_text(encoding="utf-8")
    assert tidy(shown.partition("\n")[2]) == tidy(kept.partition("\n")[2])


def test_the_paths_of_the_readme_exist() -> None:
    table = (
        (ROOT / "README.md")
        .read_text(encoding="utf-8")
        .partition("## Where things are")[2]
        .partition("\n## ")[0]
    )
    cells = " ".join(re.findall(r"^\| (`[^|]*)\|", table, flags=re.M))
    assert [path for path in re.findall(r"`([^`]+)`", cells) if not (ROOT / path).exists()] == []

"""What tests of `hud eval` share: the seed page's folder, a provider, reading what is printed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hud.cli.main import main
from tests import fake_provider
from tests.command import ROOT, Command

EXAMPLES = ROOT / "tests/examples"
SLUGS = ["strawberry-r", "mississippi-s", "abracadabra-a"]


@pytest.fixture(scope="session")
def provider_process() -> Iterator[fake_provider.Running]:
    with fake_provider.running() as process:
        yield process


@pytest.fixture
def provider(provider_process: fake_provider.Running) -> fake_provider.Running:
    provider_process.control(reset=True, default=fake_provider.DEFAULT)
    return provider_process


@pytest.fixture
def letters(hud_cli: Command) -> Command:
    """The command in the seed page's folder, without any key."""
    shutil.copytree(EXAMPLES / "letters", hud_cli.cwd, dirs_exist_ok=True)
    return hud_cli


@pytest.fixture
def keyed(letters: Command, provider: fake_provider.Running) -> Command:
    """The command in the seed page's folder, with keys and addresses of the provider."""
    return letters.having(
        OPENAI_BASE_URL=provider.openai_url,
        OPENAI_API_KEY="key",
        ANTHROPIC_BASE_URL=provider.url,
        ANTHROPIC_API_KEY="key",
        HUD_PROVIDER_RETRIES="0",
    )


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process, in the seed page's folder: exit status, output, errors."""
    shutil.copytree(EXAMPLES / "letters", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run_command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(list(arguments))
        return status, *capsys.readouterr()

    return run_command


def rows(table: str) -> dict[str, list[str]]:
    """The table's rows: what stands behind each slug."""
    lines = table.split("─\n")[1].splitlines()[:-1]
    return {line.split()[0]: line.split()[1:] for line in lines}


def records(folder: Path) -> list[dict[str, Any]]:
    """The newest job's rollouts as its folder has them."""
    (path,) = folder.glob(".hud/jobs/*/rollouts.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}

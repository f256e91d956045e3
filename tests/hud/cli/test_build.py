"""`hud build` before anything is built, and every command without a container engine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hud.cli.assignments import build_secret
from hud.cli.assignments import pair as parsed
from hud.cli.building import BuildProgress, tell_step
from hud.containers import BuildEvent
from hud.errors import UserError
from hud.runtime.template import make_environment
from tests.command import Command

Captured = pytest.CaptureFixture[str]
NOWHERE = "unix:///no/such/engine.sock"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment's folder."""
    return make_environment("word-game", tmp_path_factory.mktemp("template"))


@pytest.fixture
def without_engine(hud_cli: Command, template: Path) -> Command:
    """`hud` in a new environment's folder, where no container engine answers."""
    folder = shutil.copytree(template, hud_cli.cwd / "word-game")
    return hud_cli.within(folder).having(DOCKER_HOST=NOWHERE)


@pytest.mark.parametrize(
    "arguments",
    [
        ("build",),
        ("ps",),
        ("clean",),
        ("clean", "--all", "--images", "--yes"),
        ("debug", "my-env:latest"),
        ("debug", ".", "--build"),
        ("analyze", "my-env:latest"),
        ("eval", "tasks.py", "oracle", "--isolation", "container"),
    ],
    ids=" ".join,
)
def test_without_an_engine_a_command_says_so_in_one_line_with_the_next_step(
    without_engine: Command, arguments: tuple[str, ...]
) -> None:
    ended = without_engine(*arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    error, hint = ended.stderr.splitlines()
    assert error == f"error: no container engine answers at {NOWHERE}: No such file or directory"
    assert hint.startswith("hint: start Docker")


@pytest.mark.parametrize(
    "arguments",
    [("eval", "tasks.py", "oracle", "--full"), ("debug", "env:env"), ("analyze", "env:env")],
    ids=" ".join,
)
def test_without_an_engine_what_needs_none_works(
    without_engine: Command, arguments: tuple[str, ...]
) -> None:
    ended = without_engine(*arguments)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("folder", "words"), [("nowhere", "is not a folder"), (".", "there is no Dockerfile")]
)
def test_a_folder_that_cannot_be_built_is_told_before_the_engine_is_asked(
    hud_cli: Command, folder: str, words: str
) -> None:
    ended = hud_cli.having(DOCKER_HOST=NOWHERE)("build", folder)
    assert ended.returncode == 2
    assert words in ended.stderr


@pytest.mark.parametrize(
    ("text", "pair"),
    [("A=1", ("A", "1")), ("A=", ("A", "")), ("A=b=c", ("A", "b=c")), ("NAMED", ("NAMED", "x"))],
)
def test_a_variable_is_a_pair_or_a_name(
    text: str, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAMED", "x")
    assert parsed("-e", text) == pair


@pytest.mark.parametrize("text", ["=1", "", "NO_SUCH_VARIABLE"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        parsed("-e", text)


def test_a_secret_comes_from_a_variable_or_a_file(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path_factory.mktemp("secrets") / "token"
    file.write_text("of a file")
    monkeypatch.setenv("TOKEN", "of a variable")
    assert build_secret("id=token,env=TOKEN") == ("token", "of a variable")
    assert build_secret("id=TOKEN") == ("TOKEN", "of a variable")
    assert build_secret(f"id=token,src={file}") == ("token", "of a file")


@pytest.mark.parametrize("text", ["env=TOKEN", "id=a,value=b", "id=a,env=NO_SUCH", "id=a,src=/no"])
def test_a_secret_that_has_no_value_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        build_secret(text)


def test_the_next_step_for_a_secret_does_not_put_it_on_the_command_line() -> None:
    with pytest.raises(UserError, match="`NO_SUCH` has no value here") as refused:
        build_secret("id=a,env=NO_SUCH")
    assert refused.value.hint == "export NO_SUCH=…"


EVENTS = [
    BuildEvent(1, "[internal] load build definition", "started"),
    BuildEvent(1, "[internal] load build definition", "done", "0.0s"),
    BuildEvent(5, "[2/3] RUN --mount=type=cache,target=/x pip install x", "started"),
    BuildEvent(5, "[2/3] RUN --mount=type=cache,target=/x pip install x", "line", "Collecting x"),
    BuildEvent(5, "[2/3] RUN --mount=type=cache,target=/x pip install x", "done", "1.5s"),
    BuildEvent(6, "[3/3] COPY . .", "cached"),
]


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys: Captured) -> None:
    with BuildProgress() as progress:
        for event in EVENTS:
            progress.show(event)
    assert capsys.readouterr().err.splitlines() == [
        "→ [2/3] RUN pip install x",
        "  | Collecting x",
        "✓ [2/3] RUN pip install x (1.5s)",
        "✓ [3/3] COPY . . (cached)",
    ]


def test_a_build_that_is_not_the_matter_shows_what_took_time(capsys: Captured) -> None:
    for event in EVENTS:
        tell_step(event)
    assert capsys.readouterr().err.splitlines() == ["✓ [2/3] RUN pip install x"]

"""The command's entry: which command runs, what is said when it cannot, and the exit status."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hud import __version__
from hud.cli.main import COMMANDS, main
from tests.command import Command


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for asked in ([], ["--help"], ["-h"]):
        assert main(asked) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert all(f"  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("asked", ["version", "--version", "-V"])
def test_the_version_is_printed(asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([asked]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "version"])
def test_every_command_says_what_it_takes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"hud {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["evl"], "there is no command `evl`", "did you mean `eval`"),
        (["--nosuch"], "there is no command `--nosuch`", ""),
        (["eval", "--nosuch"], "No such option: --nosuch", "see `hud eval --help`"),
        (["eval", "a", "b", "c"], "unexpected extra argument", "see `hud eval --help`"),
        (["eval", "--max-steps", "x"], "'--max-steps'", "see `hud eval --help`"),
        (["eval", "--json"], "Option '--json' requires an argument", "see `hud eval --help`"),
    ],
)
def test_a_command_line_that_cannot_be_read_is_wrong_usage(
    arguments: list[str], error: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    told, advice = err.splitlines()
    assert out == ""
    assert told.startswith("error: ")
    assert error in told
    assert advice.startswith(f"hint: {hint}")


def test_both_ways_to_start_it_are_the_same(python: Command, hud_cli: Command) -> None:
    module = python("-m", "hud", "nosuch")
    assert (module.returncode, module.stderr) == (2, hud_cli("nosuch").stderr)


def test_a_reader_that_goes_away_is_no_crash(hud_cli: Command) -> None:
    process = hud_cli.start("--help")
    assert process.stdout is not None
    process.stdout.close()
    process.communicate(timeout=30)
    assert process.returncode == 1


def test_a_terminal_of_little_encoding_shows_what_it_can(hud_cli: Command) -> None:
    ended = hud_cli.having(PYTHONIOENCODING="ascii")("eval", "taks.py", "ünï", "--json", "–")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "there is no file or folder `taks.py`" in ended.stderr


def test_nothing_is_written_and_home_is_left_alone(hud_cli: Command) -> None:
    for arguments in (["--help"], ["nosuch"], ["show"], ["eval"], ["eval", "nosuch.py", "nop"]):
        hud_cli(*arguments)
    assert os.listdir(hud_cli.cwd) == os.listdir(Path(hud_cli.env["HOME"])) == []

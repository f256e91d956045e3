"""The token's file: made once, whole, and its owner's."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.security import token as subject
from controller.security.token import find_token, is_same
from controller.settings import ControllerSettings
from hud.errors import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(subject, "USER_DIR", tmp_path / "home")
    return tmp_path / "home"


def settings(tmp_path: Path, api_key: str | None = None) -> ControllerSettings:
    given = {"data_dir": tmp_path / "data", "api_key": api_key, "token_copy": tmp_path / "copy/t"}
    return ControllerSettings.model_validate(given)


def test_a_token_is_made_once_and_copied(tmp_path: Path, home: Path) -> None:
    made = find_token(settings(tmp_path))
    assert find_token(settings(tmp_path)) == made
    for path in (tmp_path / "data/token", home / "token", tmp_path / "copy/t"):
        assert path.read_text() == f"{made}\n"
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_configured_token_is_copied_and_makes_no_other(tmp_path: Path, home: Path) -> None:
    assert find_token(settings(tmp_path, "configured")) == "configured"
    assert (home / "token").read_text() == "configured\n"
    assert not (tmp_path / "data/token").exists()


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    made = find_token(settings(tmp_path))
    (tmp_path / "data/token").chmod(0o644)
    assert find_token(settings(tmp_path)) == made
    assert (tmp_path / "data/token").stat().st_mode & 0o777 == 0o600


def test_an_empty_file_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/token").touch()
    with pytest.raises(UserError, match="is empty") as caught:
        find_token(settings(tmp_path))
    assert caught.value.hint == f"rm {tmp_path / 'data/token'}"


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(UserError, match="cannot be used"):
        find_token(settings(tmp_path))


@pytest.mark.parametrize("key", ["two words", "schlüssel", "line\nbreak"])
def test_a_configured_token_that_fits_no_header_is_an_error(tmp_path: Path, key: str) -> None:
    with pytest.raises(UserError, match="HUD_API_KEY is no token"):
        find_token(settings(tmp_path, key))


@pytest.mark.parametrize("shown", ["", "secre", "secret ", "SECRET", "sécret", "\udce9"])
def test_only_the_same_text_is_the_token(shown: str) -> None:
    assert is_same("secret", "secret")
    assert not is_same(shown, "secret")

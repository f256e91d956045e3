"""The token that clients show: made at the first start, in a file that only its owner reads."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from controller.settings import ControllerSettings
from hud.errors import UserError
from hud.settings import USER_DIR

FILE = "token"
MODE = 0o600
BYTES = 32
_FIT = re.compile(r"[!-~]+", re.ASCII)


def find_token(settings: ControllerSettings) -> str:
    """The controller's token: the configured one, the one of its data folder, or a new one.

    Copies of it are left where the command line and clients in other containers look for it.

    Raises:
        UserError: its file cannot be read or written, or the configured one fits no header.
    """
    if settings.api_key and not _FIT.fullmatch(settings.api_key):
        raise UserError("HUD_API_KEY is no token: it holds spaces or letters beyond ASCII")
    try:
        token = settings.api_key or _kept(settings.data_dir / FILE)
        for path in {USER_DIR / FILE, *settings.token_copies}:
            _leave_copy(path, token, settings.workspace if settings.in_container else None)
    except OSError as exc:
        reason = f"the token's file `{exc.filename}` cannot be used: {exc.strerror}"
        raise UserError(reason, hint="set HUD_DATA_DIR to a folder that can be written") from exc
    return token


def _kept(path: Path) -> str:
    """The token in a file, which is made where it is missing; of two that make it one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    if not path.exists():
        _write(draft, secrets.token_urlsafe(BYTES))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    path.chmod(MODE)
    if token := path.read_text("ascii").strip():
        return token
    raise UserError(f"the token's file `{path}` is empty", hint=f"rm {path}")


def _leave_copy(path: Path, token: str, workspace: Path | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    _write(draft, token)
    if workspace is not None:
        _hand_over(draft, workspace)
    draft.replace(path)


def _hand_over(path: Path, workspace: Path) -> None:
    """A container's root writes into folders of others: a file belongs to its folder's owner, and
    a folder that the engine has just made for root to the workspace's owner.
    """
    owner = path.parent.stat()
    if owner.st_uid == 0 and workspace.exists():
        owner = workspace.stat()
        os.chown(path.parent, owner.st_uid, owner.st_gid)
    os.chown(path, owner.st_uid, owner.st_gid)


def _write(path: Path, token: str) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{token}\n")


def is_same(shown: str, token: str) -> bool:
    """Whether a shown token is the right one, compared in constant time."""
    return secrets.compare_digest(shown.encode("utf-8", "surrogateescape"), token.encode())

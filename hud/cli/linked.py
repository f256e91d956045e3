"""What a folder is linked to at the controller: `.hud/config.json`, with the taskset and the
environment that commands mean when they are given no name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hud.errors import UserError

FILE = Path(".hud") / "config.json"


def linked(folder: Path, what: str) -> str | None:
    """The `taskset` or `environment` that a folder is linked to.

    Raises:
        UserError: the file cannot be read.
    """
    value = _read(folder / FILE).get(what)
    return value if isinstance(value, str) and value else None


def link_to(folder: Path, **names: str) -> None:
    """Note what a folder is linked to: `taskset=`, `environment=`.

    Raises:
        UserError: the file cannot be written.
    """
    path = folder / FILE
    known = _read(path)
    if known | names == known:
        return
    try:
        path.parent.mkdir(exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(known | names, indent=2) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as exc:
        raise UserError(f"`{path}` cannot be written: {exc.strerror}") from exc


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise UserError(f"`{path}` cannot be read: {exc}", hint=f"rm {path}") from exc
    if not isinstance(found, dict):
        raise UserError(f"`{path}` holds no object", hint=f"rm {path}")
    return found

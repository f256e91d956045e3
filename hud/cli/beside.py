"""Other distributions that bring a package `hud` of their own, into the same folder as this one."""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import hud
from hud.errors import UserError

OTHERS = ("hud-python", "hud")
"""What the original is called on package indexes: its fifth version, and its sixth."""
REPAIR = "pip uninstall -y {name} hud-local && pip install hud-local"


def check_installation(package: Path | None = None) -> None:
    """Refuse to run where another distribution's files are mixed with these, in the folder
    `package`.

    Raises:
        UserError: names the other one, and how to get rid of it.
    """
    folder = (package or Path(hud.__file__).parent).resolve()
    for name in OTHERS:
        other = _installed(name)
        if other is not None and _writes_to(other, folder):
            raise UserError(
                f"{name} {other.version} and hud-local are both installed here, and both bring "
                f"the package `hud`: their files are mixed",
                hint=REPAIR.format(name=name),
            )


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _writes_to(other: Distribution, folder: Path) -> bool:
    if Path(str(other.locate_file("hud"))).resolve() != folder:
        return False
    return any(path.parts[:1] == ("hud",) for path in other.files or ())

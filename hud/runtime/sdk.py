"""The SDK that is running, as a wheel: images get this one, so that both ends speak the same words.

It is put together from the files that are here, because a checkout may have no tool to build one,
and an installation no checkout any more. The same files give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import hud
from hud.errors import UserError

PROJECT = "hud-local"
TEMPLATE = "hud/_template"
"""Where a wheel holds the template that `hud init` copies."""
_WRITTEN_AT = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = ("__pycache__", ".hud", ".venv", ".env")
_WHEEL = "Wheel-Version: 1.0\nGenerator: hud\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_ENTRY_POINTS = "[console_scripts]\nhud = hud.cli:main\n"


def sdk_folder(cache: Path) -> Path:
    """A folder that holds nothing but a wheel of the SDK; it is made once for each state of the
    SDK.

    Raises:
        UserError: the cache cannot be written, or the SDK was not installed by its name.
    """
    content = _content()
    folder = cache / "sdk" / f"{hud.__version__}-{_digest(content)[:16]}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".half-") as half:
            made = Path(half, "sdk")
            made.mkdir()
            (made / f"{_stem()}-py3-none-any.whl").write_bytes(_zipped(content))
            if not folder.is_dir():
                made.rename(folder)
    except OSError as error:
        raise UserError(
            f"cannot write `{folder}`: {error.strerror or error}",
            hint="HUD_HOME names another folder for what hud keeps",
        ) from error
    return folder


def _stem() -> str:
    return f"{PROJECT.replace('-', '_')}-{hud.__version__}"


def _content() -> dict[str, bytes]:
    """Everything that the wheel holds but its record, by path."""
    package = Path(hud.__file__).parent
    content = {f"hud/{path}": data for path, data in _files(package)}
    if not any(path.startswith(f"{TEMPLATE}/") for path in content):
        template = package.parent / "env_template"
        content |= {f"{TEMPLATE}/{path}": data for path, data in _files(template)}
    information = f"{_stem()}.dist-info"
    return content | {
        f"{information}/METADATA": _metadata(package.parent).encode(),
        f"{information}/WHEEL": _WHEEL.encode(),
        f"{information}/entry_points.txt": _ENTRY_POINTS.encode(),
    }


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not any(part in _LEFT_OUT for part in inside.parts):
            yield inside.as_posix(), path.read_bytes()


def _digest(content: dict[str, bytes]) -> str:
    total = hashlib.sha256()
    for path, data in content.items():
        total.update(path.encode() + b"\0" + hashlib.sha256(data).digest())
    return total.hexdigest()


def _zipped(content: dict[str, bytes]) -> bytes:
    record = f"{_stem()}.dist-info/RECORD"
    lines = [f"{path},{_hashed(data)},{len(data)}" for path, data in content.items()]
    lines.append(f"{record},,\n")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in (content | {record: "\n".join(lines).encode()}).items():
            entry = zipfile.ZipInfo(path, _WRITTEN_AT)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _hashed(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"


def _metadata(root: Path) -> str:
    """The wheel's metadata: of the checkout that the SDK runs from, else of its installation."""
    path = root / "pyproject.toml"
    project = tomllib.loads(path.read_text("utf-8"))["project"] if path.is_file() else {}
    if project.get("name") == PROJECT:
        return "\n".join(_metadata_lines(project)) + "\n"
    try:
        return metadata.distribution(PROJECT).read_text("METADATA") or ""
    except metadata.PackageNotFoundError as error:
        raise UserError(
            f"`{PROJECT}` is not installed here, so no image can get it",
            hint=f"pip install {PROJECT}",
        ) from error


def _metadata_lines(project: dict[str, Any]) -> Iterator[str]:
    yield from ("Metadata-Version: 2.1", f"Name: {PROJECT}", f"Version: {hud.__version__}")
    yield f"Requires-Python: {project['requires-python']}"
    yield from (f"Requires-Dist: {requirement}" for requirement in project["dependencies"])
    for extra, requirements in project.get("optional-dependencies", {}).items():
        yield f"Provides-Extra: {extra}"
        for requirement in requirements:
            name, _, marker = requirement.partition(";")
            condition = f'extra == "{extra}"'
            both = f"({marker.strip()}) and {condition}" if marker.strip() else condition
            yield f"Requires-Dist: {name.strip()}; {both}"

"""What a build that asks for the newest `hud-python` finds beside its package index: this SDK.

The newest `hud-python` there only says that the project was renamed, and cannot be installed; what
it was renamed to has nothing of v5. So the steps of a Dockerfile that install packages see empty
distributions of that name too, newer than any of those, which require this SDK, and its wheel.
What version 0.5 meets (`<0.6`, `==0.5.41`, a lock) gets the original, as ever.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import hud
from hud.runtime.sdk import PROJECT, sdk_folder

CONTEXT = "hud-stand-in"
"""The build context that holds the wheels."""
TARGET = f"/{CONTEXT}"
ORIGINAL = re.compile(r"\bhud[-_]python\b(?:\[[^]]*\])?([^\"'#;\n]*)")
"""A requirement, and which versions it takes."""
_BOUND = re.compile(r"==|~=\s*0\.5\.|<\s*0\.6\b|<=\s*0\.5\b")
VERSIONS = ("0.6.99999", "99999")
"""The first is for requirements that stop before 1."""
_REQUIREMENTS = ("pyproject.toml", "requirements*.txt")
_RUN = re.compile(r"(\s*RUN\s+)((?:--[a-z]+(?:=\S+)?(?:\s|\\\n)+)*)(.*)", re.DOTALL | re.IGNORECASE)
_INSTALLS = re.compile(r"\b(?:pip3?|uv)\b")
_OTHER_FORM = ("[", "<<")
_LAST = "\nENV UV_NO_SYNC=1\n"


def asks_for_newest(folder: Path, recipe: str) -> bool:
    """Whether a folder's Dockerfile or requirements take any new `hud-python`, past 0.5 too."""
    files = [path for pattern in _REQUIREMENTS for path in folder.glob(pattern) if path.is_file()]
    texts = [recipe, *(path.read_text("utf-8", errors="replace") for path in files)]
    asked = [versions for text in texts for versions in ORIGINAL.findall(text)]
    return any(_BOUND.search(versions) is None for versions in asked)


def with_stand_in(recipe: str) -> str:
    """A Dockerfile whose steps that install packages find the wheels of the context `CONTEXT`.

    When the image runs they are gone, and so is the network: `uv run` leaves everything as it is.
    """
    return "".join(_finding(instruction) for instruction in _instructions(recipe)) + _LAST


def _finding(instruction: str) -> str:
    run = _RUN.fullmatch(instruction)
    if run is None or not _INSTALLS.search(run[3]) or run[3].startswith(_OTHER_FORM):
        return instruction
    mount = f"--mount=type=bind,from={CONTEXT},target={TARGET}"
    found = f"export PIP_FIND_LINKS={TARGET} UV_FIND_LINKS={TARGET};"
    return f"{run[1]}{mount} {run[2]}{found} {run[3]}"


def _instructions(recipe: str) -> Iterator[str]:
    """The instructions of a Dockerfile with all of their lines, and what is between them."""
    lines: list[str] = []
    for line in recipe.splitlines(keepends=True):
        lines.append(line)
        is_comment = len(lines) > 1 and line.lstrip().startswith("#")
        if not is_comment and not line.rstrip().endswith("\\"):
            yield "".join(lines)
            lines = []
    yield "".join(lines)


def stand_in_folder(cache: Path) -> Path:
    """A folder with this SDK's wheel and the distributions that require it.

    Raises:
        UserError: the cache cannot be written, or the SDK was not installed by its name.
    """
    sdk = sdk_folder(cache)
    folder = cache / "stand-in" / sdk.name
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".half-") as half:
            made = Path(shutil.copytree(sdk, Path(half, "wheels")))
            for version in VERSIONS:
                _write_empty_wheel(made, version)
            if not folder.is_dir():
                made.rename(folder)
    return folder


def _write_empty_wheel(folder: Path, version: str) -> None:
    told = f"hud_python-{version}.dist-info"
    required = f"Requires-Dist: {PROJECT}[v5]=={hud.__version__}\nProvides-Extra: agents\n"
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: hud-python\nVersion: {version}\n{required}",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: hud\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "".join(f"{told}/{name},,\n" for name in ("METADATA", "WHEEL", "RECORD")),
    }
    with zipfile.ZipFile(folder / f"hud_python-{version}-py3-none-any.whl", "w") as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(f"{told}/{name}"), text)

"""An image that was built with the original SDK, with the one that runs here in its place.

The project is built as it is, with the `hud-python` that it asks for. On top of that image the
original is uninstalled and this SDK installed, together with an empty distribution `hud-python` of
the same version, so that the requirement stays satisfied.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from hud.containers import BuildRequest, BuildResult, Containers
from hud.containers.contract import Progress
from hud.containers.images.names import image_name, image_reference
from hud.runtime.build import build_image
from hud.runtime.sdk import sdk_folder
from hud.settings import USER_DIR

RECIPE = """\
# On {digest}
FROM {base}
USER root
ENV UV_NO_SYNC=1
RUN --mount=type=bind,target=/hud --mount=type=cache,target=/cache sh /hud/replace.sh
USER {user}
"""
REPLACE = """\
set -eu
has() {
    "$1" -c "from importlib.metadata import version; version('$2')" 2>/dev/null
}
replaced=
for python in "${VIRTUAL_ENV:-}/bin/python" .venv/bin/python $(command -v python python3); do
    [ -x "$python" ] && has "$python" hud-python || continue
    replaced=$python
    if has "$python" hud-local; then continue; fi
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" /hud/satisfy.py remember
        "$python" -m pip uninstall --quiet --yes hud-python
        "$python" -m pip --cache-dir /cache install --quiet --root-user-action ignore /hud/*.whl
    else
        "$python" /hud/satisfy.py remember
        uv pip uninstall --quiet --python "$python" hud-python
        uv pip install --quiet --python "$python" /hud/*.whl
    fi
    "$python" /hud/satisfy.py
done
[ -n "$replaced" ] || { echo "no Python in this image has hud-python" >&2; exit 1; }
"""
SATISFY = '''\
"""Remembers the version of hud-python; then, when it is gone, says that it is there."""
import sys
import sysconfig
import tempfile
from importlib.metadata import version
from pathlib import Path

note = Path(tempfile.gettempdir(), "hud-python.version")
if sys.argv[1:]:
    note.write_text(version("hud-python"))
else:
    number = note.read_text()
    note.unlink()
    told = Path(sysconfig.get_path("purelib"), f"hud_python-{number}.dist-info")
    told.mkdir(exist_ok=True)
    lines = ["Metadata-Version: 2.1", "Name: hud-python", f"Version: {number}"]
    (told / "METADATA").write_text("\\n".join([*lines, "Requires-Dist: hud-local"]) + "\\n")
    files = [f"{told.name}/{name},,\\n" for name in ("METADATA", "RECORD")]
    (told / "RECORD").write_text("".join(files))
'''


async def build_over(
    engine: Containers, request: BuildRequest, progress: Progress | None = None
) -> BuildResult:
    """Build an image of a project that asks for `hud-python`, with this SDK in it.

    What the result tells as its source is the project's and this SDK's together.

    Raises:
        UserError: the folder cannot be built.
        BuildFailure: the build failed, or no Python in the image has `hud-python`.
    """
    tag = request.tag or image_reference(image_name(request.folder.resolve().name))
    original = await build_image(engine, replace(request, tag=f"{tag}-original"), progress)
    with tempfile.TemporaryDirectory(prefix="hud-over-") as folder:
        _fill(Path(folder), original)
        over = BuildRequest(Path(folder), tag=tag, no_cache=request.no_cache)
        result = await engine.build(replace(over, platform=request.platform), progress)
    return replace(result, seconds=original.seconds + result.seconds)


def _fill(folder: Path, original: BuildResult) -> None:
    wheel = next(sdk_folder(USER_DIR / "cache").glob("*.whl"))
    shutil.copy(wheel, folder)
    recipe = RECIPE.format(
        digest=original.image.id, base=original.tag, user=original.image.user or "root"
    )
    files = {"Dockerfile": recipe, "replace.sh": REPLACE, "satisfy.py": SATISFY}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")

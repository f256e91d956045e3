"""The SDK that runs here is made into a wheel that installs and is the same every time."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import hud
from hud.errors import UserError
from hud.runtime.sdk import sdk_folder


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    (made,) = sdk_folder(tmp_path).iterdir()
    return made


def test_the_same_sdk_gives_the_same_bytes_made_once(wheel: Path, tmp_path: Path) -> None:
    before = wheel.stat()
    assert sdk_folder(tmp_path) == wheel.parent
    assert wheel.stat().st_mtime_ns == before.st_mtime_ns
    (other,) = sdk_folder(tmp_path / "other").iterdir()
    assert other.read_bytes() == wheel.read_bytes()
    assert [path.name for path in (tmp_path / "sdk").iterdir()] == [wheel.parent.name]


def test_the_wheel_holds_the_sdk_its_template_and_what_it_needs(wheel: Path) -> None:
    assert wheel.name == f"hud_local-{hud.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        told = archive.read(f"hud_local-{hud.__version__}.dist-info/METADATA").decode()
    assert {"hud/__init__.py", "hud/cli/main.py", "hud/_template/env.py"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]
    assert "Requires-Dist: mcp" in told
    assert 'Requires-Dist: hud-local[openai,anthropic]; extra == "agents"' in told


@pytest.mark.slow
def test_the_wheel_installs_and_its_command_runs(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    subprocess.run([*pip, str(wheel)], check=True, timeout=120)
    code = f"import sys; sys.path.insert(0, {str(target)!r}); import hud; print(hud.__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == str(target / "hud/__init__.py")
    assert (target / "bin/hud").is_file()


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "sdk").write_text("in the way")
    with pytest.raises(UserError, match="cannot write") as refused:
        sdk_folder(tmp_path)
    assert "HUD_HOME" in (refused.value.hint or "")

"""What a user names, and modules as targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from hud.debug import Request, open_target
from hud.debug.targets.choose import names_module
from hud.debug.targets.module import ModuleTarget
from hud.debug.targets.target import CheckFailure
from hud.errors import UserError

pytestmark = pytest.mark.anyio

ENVIRONMENT = 'from hud import Environment\nenv = Environment("shop")\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with an environment, a package and a folder to build."""
    (tmp_path / "env.py").write_text(ENVIRONMENT)
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "is_module"),
    [
        ("env", True),
        ("env:env", True),
        ("env:anything", True),
        ("pack", True),
        ("no/such/file.py:env", True),
        ("elsewhere.module:env", True),
        ("elsewhere", False),
        ("redis:7", False),
        ("my-env:latest", False),
        ("localhost:5000/shop:1", False),
        ("sha256:0123456789ab", False),
    ],
)
def test_a_module_is_told_from_an_image(folder: Path, text: str, is_module: bool) -> None:
    assert names_module(text) is is_module


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("env:env", "module", "env:env"),
        ("http://127.0.0.1:1/mcp", "url", "http://127.0.0.1:1/mcp"),
    ],
)
async def test_what_needs_no_engine_opens_without_one(
    folder: Path, text: str, kind: str, name: str
) -> None:
    async with open_target(Request(text)) as target:
        assert (target.kind, target.name) == (kind, name)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request("empty"), "there is no environment in `empty`"),
        (Request("env", ("-e", "A=b")), "`-e` is for images"),
        (Request("env", build=True), "`--build` is for images"),
        (Request("Not An Image"), "not a name for an image"),
        (Request("../elsewhere"), "there is no folder `../elsewhere`"),
        (Request("--config"), "there is no option `--config`"),
        (Request("my-env", ("--privileged",)), "`--privileged` is not supported"),
    ],
)
async def test_what_cannot_be_examined_is_a_mistake_of_the_user(
    folder: Path, request_: Request, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        async with open_target(request_):
            pass


async def test_a_module_that_imports_says_which_environment_it_holds(folder: Path) -> None:
    assert await ModuleTarget("env:env", folder).check() == ("environment `shop`",)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("print('hello')\n1 / 0", "import", "ZeroDivisionError"),
        ("import os\nos._exit(7)", "import", "it ended without a word"),
        ("env = 1", "no-environment", "holds no Environment"),
    ],
)
async def test_a_module_that_does_not_import_says_why(
    folder: Path, text: str, kind: str, words: str
) -> None:
    (folder / "broken.py").write_text(text)
    with pytest.raises(CheckFailure, match=words) as failure:
        await ModuleTarget("broken", folder).check()
    assert failure.value.kind == kind

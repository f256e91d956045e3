"""What `[tool.hud]` may declare about an environment's containers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hud.containers.spec import FORBIDDEN, Mount, Sandbox, sandbox_of, size_in_bytes, size_in_words
from hud.errors import UserError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512", 512),
        (2048, 2048),
        ("1k", 1024),
        ("1.5 MiB", 3 << 19),
        ("2g", 2 << 30),
        ("1TB", 1 << 40),
    ],
)
def test_a_size_is_read_in_the_usual_spellings(text: object, size: int) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "2x", "m", "1e9", True, None])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="size"):
        size_in_bytes(text)


@pytest.mark.parametrize(
    ("size", "words"), [(10, "10 bytes"), (2 << 30, "2 GiB"), (3 << 19, "1.5 MiB"), (1024, "1 KiB")]
)
def test_a_size_is_shown_in_a_readable_unit(size: int, words: str) -> None:
    assert size_in_words(size) == words


def test_a_declaration_becomes_a_sandbox_and_other_keys_are_left_alone(tmp_path: Path) -> None:
    table = {
        "network": "internet",
        "memory": "512m",
        "capabilities": ["SYS_PTRACE"],
        "mounts": [{"source": "data", "target": "/data"}],
        "module": "env:env",
        "mount": "/app",
        "image": "shop",
        "variables": ["TOKEN"],
    }
    sandbox = Sandbox.declared(table, tmp_path)
    assert (sandbox.network, sandbox.memory) == ("internet", 512 << 20)
    assert sandbox.mounts == (Mount(source="data", target="/data"),)
    assert sandbox.folder == tmp_path.resolve()


@pytest.mark.parametrize("key", FORBIDDEN)
def test_a_forbidden_key_is_refused_with_the_reason(tmp_path: Path, key: str) -> None:
    with pytest.raises(UserError, match=f"`{key}` in .* is forbidden: {FORBIDDEN[key][:10]}"):
        Sandbox.declared({key: True}, tmp_path)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"memory": "lots"}, "`memory`.*not a size"),
        ({"network": "host"}, "`network`"),
        ({"pids": 0}, "`pids`"),
        ({"mounts": [{"source": "x"}]}, "`mounts.0.target`"),
        ({"netwrok": "none"}, "`netwrok` in .* is unknown"),
        ({"variabels": ["TOKEN"]}, "`variabels` in .* is unknown"),
    ],
)
def test_a_bad_declaration_is_refused_with_its_key(
    tmp_path: Path, table: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        Sandbox.declared(table, tmp_path)


def test_a_folders_own_declaration_is_read(tmp_path: Path) -> None:
    assert sandbox_of(tmp_path) == Sandbox(folder=tmp_path.resolve())
    (tmp_path / "pyproject.toml").write_text("[tool.hud]\npids = 64\n", "utf-8")
    assert sandbox_of(tmp_path).pids == 64


def test_a_declaration_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.hud", "utf-8")
    with pytest.raises(UserError, match=r"pyproject.toml` cannot be read"):
        sandbox_of(tmp_path)


def test_deviations_are_shown_in_words() -> None:
    sandbox = Sandbox(
        memory="4g",
        capabilities=("SYS_PTRACE",),
        mounts=(Mount(source="data", target="/data", writable=True),),
        tmpfs={"/cache": "64m"},
    )
    assert sandbox.deviations() == [
        "memory: 4 GiB (default: 2 GiB)",
        "tmpfs: /cache 64 MiB (default: none)",
        "mounts: data at /data (writable) (default: none)",
        "capabilities: SYS_PTRACE (default: none)",
    ]
    assert Sandbox().deviations() == []

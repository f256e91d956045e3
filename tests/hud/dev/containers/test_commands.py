"""What a container runs in a dev session."""

from __future__ import annotations

import pytest

from hud.containers import Image
from hud.dev.containers.commands import Command, with_options

OPTIONS = ("--controlled",)


@pytest.mark.parametrize(
    ("entrypoint", "command", "module", "expected"),
    [
        ((), ("hud", "dev", "env:env", "--stdio"), None, ((), "hud dev env:env --controlled")),
        ((), ("hud", "dev", "env:env"), "main:app", ((), "hud dev main:app --controlled")),
        ((), ("hud", "dev", "-p", "80", "env"), None, ((), "hud dev env --controlled")),
        (
            ("uv", "run"),
            ("python", "-m", "hud", "dev", "env:env", "--stdio"),
            None,
            ((), "uv run python -m hud dev env:env --controlled"),
        ),
        (
            (),
            ("sh", "-c", "redis-server & sleep 0.5 && hud dev server.main --stdio"),
            None,
            ((), "sh -c redis-server & sleep 0.5 && hud dev server.main --controlled"),
        ),
        (
            (),
            ("/bin/sh", "-c", "/app/.venv/bin/hud dev env:env --port 8080 2>&1; echo over"),
            None,
            ((), "/bin/sh -c /app/.venv/bin/hud dev env:env --controlled 2>&1; echo over"),
        ),
        ((), ("python", "env.py"), "env:env", (None, "hud dev env:env --controlled")),
        (("python", "env.py"), (), "env:env", ((), "hud dev env:env --controlled")),
        (
            ("/entry.sh",),
            ("python", "env.py"),
            "env:env",
            (None, "hud dev env:env --controlled"),
        ),
        ((), (), None, (None, "hud dev --controlled")),
    ],
)
def test_the_images_own_command_obeys_where_it_has_one(
    entrypoint: tuple[str, ...],
    command: tuple[str, ...],
    module: str | None,
    expected: tuple[tuple[str, ...] | None, str],
) -> None:
    image = Image("sha256:1", entrypoint=entrypoint, command=command)
    found = with_options(image, module, OPTIONS)
    assert isinstance(found, Command)
    assert (found.entrypoint, " ".join(found.command)) == expected

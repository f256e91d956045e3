"""How a container of an image is told to obey the dev session, or to serve one client. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from hud.containers import Image

PROGRAMS = frozenset(("hud", "uv", "python", "python3", "node", "npx"))
"""Programs that, as an entry point, are the server themselves; others start what they are given."""
SHELLS = frozenset(("sh", "bash", "ash", "dash"))

_HUD_DEV = re.compile(r"((?:\S*/)?hud|-m hud) dev(?P<words>(?:[ \t]+[^\s&|;<>]+(?=[\s;&|]|$))*)")
_WITH_VALUE = ("-w", "--watch", "-p", "--port", "--host", "--url")


@dataclass(frozen=True)
class Command:
    """What a container runs."""

    entrypoint: tuple[str, ...] | None
    """None keeps the image's."""
    command: tuple[str, ...]


def with_options(image: Image, module: str | None, options: Sequence[str]) -> Command:
    """The image's own `hud dev`, with other options; where it has none, `hud dev` with `module`."""
    words = (*image.entrypoint, *image.command)
    if len(words) == 3 and PurePosixPath(words[0]).name in SHELLS and words[1] in ("-c", "-lc"):
        script, count = _HUD_DEV.subn(lambda found: _rewritten(found, module, options), words[2])
        if count:
            return Command((), (*words[:2], script))
    for at, word in enumerate(words):
        if word == "dev" and at and PurePosixPath(words[at - 1]).name == "hud":
            named = module or _module_in(words[at + 1 :])
            return Command((), (*words[: at + 1], *([named] if named else []), *options))
    own = ("hud", "dev", *([module] if module else []), *options)
    is_program = bool(image.entrypoint) and PurePosixPath(image.entrypoint[0]).name in PROGRAMS
    return Command(() if is_program else None, own)


def _rewritten(found: re.Match[str], module: str | None, options: Sequence[str]) -> str:
    named = module or _module_in(found["words"].split())
    return " ".join([found[1], "dev", *([named] if named else []), *options])


def _module_in(words: Sequence[str]) -> str | None:
    """The module that the words of a `hud dev` name."""
    previous = ""
    for word in words:
        if not word.startswith("-") and previous not in _WITH_VALUE:
            return word
        previous = word
    return None

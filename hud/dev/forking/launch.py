"""Starting a zygote before anything else is imported: its libraries load while ours do."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hud.dev.target import dockerfile_beside
from hud.errors import StartFailure

PROGRAM = Path(__file__).with_name("start.py")
NEEDLESS = ("--help", "--url", "--docker", "--")
"""Words on the command line of `hud dev` after which nothing, or something else, is started."""


@dataclass(frozen=True)
class Launched:
    """A process that was started early, and the socket that it takes orders on."""

    process: subprocess.Popen[bytes]
    control: socket.socket


Launch = Callable[[], Launched]


def launch(output: int = 2, variables: Mapping[str, str] | None = None) -> Launched:
    """Start a zygote; what it and its children print goes to the descriptor `output`.

    They see `variables`; None lets them see those of this process.

    Raises:
        StartFailure: the operating system refuses.
    """
    try:
        return _launch(output, variables)
    except OSError as exc:
        raise StartFailure(f"cannot start a process: {exc.strerror}") from exc


def starting_with(launched: Launched | None) -> Launch:
    """Hands out that one, if there is one, and then ones that are launched when they are needed."""
    waiting = [] if launched is None else [launched]
    return lambda: waiting.pop() if waiting else launch()


_ahead: list[Launched] = []


def launch_ahead(arguments: Sequence[str]) -> None:
    """Start a zygote while the command line of `hud dev` is still to be read, if it looks as if
    one was needed. A wrong guess costs a process that ends with the command.
    """
    words = [word.partition("=")[0] for word in arguments]
    is_direct = "--stdio" in words and not {"-w", "--watch"} & set(words)
    runs_here = "--no-docker" in words or "--controlled" in words
    if is_direct or any(word in words for word in NEEDLESS):
        return
    if runs_here or dockerfile_beside(Path.cwd()) is None:
        _ahead.append(launch())


@contextmanager
def launched_early() -> Iterator[Launched | None]:
    """The zygote that was launched ahead, if one was; it ends with the block."""
    launched = _ahead.pop() if _ahead else None
    try:
        yield launched
    finally:
        if launched is not None:
            launched.control.close()


def _launch(output: int, variables: Mapping[str, str] | None) -> Launched:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        # Without -P a file of the author's could take the place of a library's module.
        command = [sys.executable, "-P", str(PROGRAM), str(theirs.fileno())]
        process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if variables is None else dict(variables),
            process_group=0,
        )
    return Launched(process, ours)

"""Short commands of ours, forked from an interpreter that has their libraries loaded already.

Libraries are most of what such a command costs. Nothing of ours is loaded before the fork: each
command still imports our modules, and reads its variables, by itself.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

LIBRARIES = (
    "anthropic",
    "anyio._backends._asyncio",
    "docker",
    "docstring_parser",
    "dotenv",
    "jsonschema",
    "mcp.client.stdio",
    "mcp.server",
    "openai",
    "pydantic_settings",
    "rich.console",
    "rich.progress",
    "rich.table",
    "starlette.applications",
    "typer.main",
    "uvicorn",
    "yaml",
)
OWN = ("hud", "controller", "dashboard")
READ_SIZE = 65536
OF_THE_INTERPRETER = ("PYTHON", "LANG", "LC_")
"""How the variables begin that an interpreter reads when it starts, and never again."""


@dataclass(frozen=True)
class Forking:
    """The interpreter, from this side."""

    control: socket.socket
    variables: Mapping[str, str]
    """What its environment holds."""

    def suits(self, variables: Mapping[str, str]) -> bool:
        """Whether an interpreter would start alike with these variables."""
        return _of_the_interpreter(variables) == _of_the_interpreter(self.variables)

    def run(
        self,
        words: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        stdin: str,
        timeout: float,
    ) -> tuple[int, str, str]:
        """Run a module with arguments to its end: exit status, output, errors.

        Raises:
            TimeoutExpired: it took longer than `timeout` seconds; its process group was killed.
        """
        request = {"words": words, "folder": str(folder), "variables": dict(variables)}
        with ExitStack() as ours, ExitStack() as theirs:
            given, to = _pipe(theirs, ours)
            pipes = [_pipe(ours, theirs) for _ in range(3)]
            descriptors = [end.fileno() for end in (given, *(write_end for _, write_end in pipes))]
            socket.send_fds(self.control, [json.dumps(request).encode()], descriptors)
            theirs.close()
            sources = [read_end for read_end, _ in pipes]
            *streams, told = _exchange(stdin.encode(), to, sources, timeout)
        pid, *status = told.split()
        if not status:
            os.killpg(int(pid), signal.SIGKILL)
            raise subprocess.TimeoutExpired(list(words), timeout)
        out, err = (_text(stream) for stream in streams)
        return int(status[0]), out, err


@contextmanager
def forking(variables: Mapping[str, str]) -> Iterator[Forking]:
    """An interpreter to fork from; it ends with the block, but not what was forked from it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-P", __file__, str(theirs.fileno())]
        process = subprocess.Popen(
            command,
            env=dict(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    try:
        with ours:
            yield Forking(ours, variables)
    finally:
        _, complaint = process.communicate(timeout=30)
    assert not complaint, complaint


def _of_the_interpreter(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name.startswith(OF_THE_INTERPRETER)}


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[FileIO, FileIO]:
    """A pipe, each end of which is closed with its stack."""
    read_end, write_end = os.pipe()
    return (
        reader.enter_context(FileIO(read_end)),
        writer.enter_context(FileIO(write_end, "w")),
    )


def _exchange(given: bytes, to: FileIO, sources: list[FileIO], timeout: float) -> list[bytes]:
    """Write `given`, and read from all sources to their ends, or until the time is up."""
    deadline = time.monotonic() + timeout
    taken = {source.fileno(): b"" for source in sources}
    open_ends = {end.fileno(): end for end in (to, *sources)}
    os.set_blocking(to.fileno(), False)
    with selectors.DefaultSelector() as waiting:
        waiting.register(to, selectors.EVENT_WRITE)
        for source in sources:
            waiting.register(source, selectors.EVENT_READ)
        while taken.keys() & open_ends.keys() and time.monotonic() < deadline:
            for key, _ in waiting.select(deadline - time.monotonic()):
                if key.fd in taken:
                    data = os.read(key.fd, READ_SIZE)
                    taken[key.fd] += data
                else:
                    data = given = _written(given, to)
                if not data:
                    waiting.unregister(key.fd)
                    open_ends.pop(key.fd).close()
    return list(taken.values())


def _written(data: bytes, to: FileIO) -> bytes:
    """What is left to be written; nothing if nobody reads."""
    try:
        return data[os.write(to.fileno(), data) :]
    except BrokenPipeError:
        return b""


def _text(data: bytes) -> str:
    return data.decode().replace("\r\n", "\n").replace("\r", "\n")


def _serve(control: socket.socket) -> list[str] | None:
    """Fork for each request; in a child, return the words that it is to run, else None at the
    end.
    """
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 4)
        if not data:
            return None
        if os.fork() == 0:
            control.close()
            return _become(json.loads(data), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _become(request: dict[str, Any], descriptors: list[int]) -> list[str]:
    """Be who waits for the command, and tells how it ends; return as the command itself."""
    *streams, told = descriptors
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if pid := os.fork():
        for stream in streams:
            os.close(stream)
        _, status = os.waitpid(pid, 0)
        os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    os.setsid()
    os.write(told, f"{os.getpid()}\n".encode())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for descriptor in descriptors:
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    words: list[str] = request["words"]
    return words


def main() -> None:
    """Load the libraries and fork, until the socket ends whose descriptor is the argument."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in LIBRARIES:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    assert threading.active_count() == 1
    assert not set(OWN) & set(sys.modules)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if (words := _serve(control)) is not None:
        sys.argv = words
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

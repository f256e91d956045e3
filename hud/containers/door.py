"""The only way to the container engine: the only importer of `docker`, the only caller of the
`docker` command.

The engine's Python package blocks, so each of its calls goes to a thread here, with a bound. Calls
that only ask are given up when the caller is cancelled; calls that change something run to their
end first, so that what they made is known and can be removed. Long waits (streams, events) use
connections of their own and hold no thread.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from anyio.abc import ByteStream

from hud.containers import stream
from hud.containers.failures import EngineUnavailable, refusal, unavailable
from hud.containers.output import Head
from hud.errors import DockerFailure

if TYPE_CHECKING:
    from docker import APIClient

P = ParamSpec("P")
T = TypeVar("T")

ANSWER_SECONDS = 60.0
"""Seconds that the engine may take for one answer."""
_HELLO_SECONDS = 10
"""Seconds that the engine may take for its first answer, by which we know that it is there."""
_THREADS = 16
_LINE = 64 * 1024


class Door:
    """A connection to one engine. `open` comes first; after `close` nothing may be asked."""

    def __init__(self, host: str | None = None) -> None:
        self._named = host
        self._client: APIClient | None = None
        self._limiter: anyio.CapacityLimiter | None = None
        self._changing = 0
        self._settled = threading.Condition()
        self.host = host or ""

    @property
    def client(self) -> APIClient:
        """The engine's Python client; its methods are passed to `ask` and `change`."""
        if self._client is None:
            raise DockerFailure("the container engine is used before `async with`, or after it")
        return self._client

    @property
    def socket_file(self) -> Path | None:
        """The file at which the engine listens, if it is one."""
        url = urlsplit(self.host)
        return Path(url.path) if url.scheme == "unix" else None

    @property
    def same_for_a_child(self) -> str:
        """What makes `Door` in a child process find the same engine; empty if its environment does.

        Keys and certificates come from the environment only.
        """
        plain = urlsplit(self.host).scheme in {"unix", "tcp"}
        return self.host if plain else self._named or ""

    async def open(self) -> None:
        """Find the engine and make sure that it answers.

        Raises:
            EngineUnavailable: it does not.
            DockerFailure: the Python package is missing.
        """
        self._limiter = anyio.CapacityLimiter(_THREADS)
        connect = functools.partial(_connect, self._named)
        self._client, self.host = await anyio.to_thread.run_sync(
            connect, abandon_on_cancel=True, limiter=self._limiter
        )

    async def close(self) -> None:
        """Let go of the engine, once nothing is being changed any more."""
        if self._client is not None:
            await self.settle()
            self._client.close()
            self._client = None

    async def settle(self) -> None:
        """Wait for changes whose callers have given up, so that what they make is known."""
        await anyio.to_thread.run_sync(self._wait_for_changes)

    async def ask(self, what: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The answer to something that changes nothing. `what` starts the message of a failure.

        Raises:
            DockerFailure: the engine refused, or did not answer in time.
        """
        with self._attributed(what), anyio.fail_after(ANSWER_SECONDS):
            work = functools.partial(call, *args, **kwargs)
            return await anyio.to_thread.run_sync(
                work, abandon_on_cancel=True, limiter=self._limiter
            )

    async def change(self, what: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The answer to something that changes the engine's state; it is not given up half way.

        Raises:
            DockerFailure: the engine refused, or did not answer in time.
        """

        def counted() -> T:
            try:
                return call(*args, **kwargs)
            finally:
                with self._settled:
                    self._changing -= 1
                    self._settled.notify_all()

        with self._attributed(what):
            with self._settled:
                self._changing += 1
            return await anyio.to_thread.run_sync(counted, limiter=self._limiter)

    def _wait_for_changes(self) -> None:
        with self._settled:
            self._settled.wait_for(lambda: self._changing == 0, timeout=ANSWER_SECONDS)

    @contextmanager
    def _attributed(self, what: str) -> Iterator[None]:
        """Turn what the engine's package raises into our own failures."""
        from docker import errors  # noqa: PLC0415 - heavy, and an optional extra
        from requests import RequestException  # noqa: PLC0415 - comes with it

        try:
            yield
        except errors.APIError as error:
            status = error.response.status_code if error.response is not None else None
            raise refusal(what, status, error.explanation or str(error)) from error
        except (errors.DockerException, RequestException) as error:
            raise unavailable(self.host, _innermost(error)) from error
        except TimeoutError as error:
            raise unavailable(self.host, f"no answer in {ANSWER_SECONDS:g} seconds") from error

    async def streams(
        self, what: str, path: str, body: object = None, stderr: Head | None = None
    ) -> stream.HijackedStdio:
        """Connect to the streams of a container or of a command in one; `path` follows the API's
        version.

        Raises:
            DockerFailure: the engine refused.
        """
        async with self._connected(what) as raw:
            first = await stream.hijack(raw, f"/v{self.client.api_version}{path}", body)
            return stream.HijackedStdio(raw, first, stderr)

    async def follow(self, what: str, method: str, path: str) -> AsyncGenerator[bytes, None]:
        """The body of an answer that may take for ever, as it comes."""
        async with self._connected(what) as raw:
            try:
                async for piece in stream.body(raw, method, f"/v{self.client.api_version}{path}"):
                    yield piece
            finally:
                with anyio.CancelScope(shield=True):
                    await raw.aclose()

    @asynccontextmanager
    async def _connected(self, what: str) -> AsyncIterator[ByteStream]:
        """A connection of its own, closed only if the block fails."""
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                raw = await stream.dial(self.host, self._docker)
        except (OSError, TimeoutError) as error:
            raise unavailable(self.host, str(error)) from error
        try:
            yield raw
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                await raw.aclose()
            if isinstance(error, stream.Refused):
                raise refusal(what, error.status, error.reason) from error
            raise

    def _docker(self) -> list[str]:
        """The `docker` command, pointed at the same engine."""
        found = shutil.which("docker")
        if found is None:
            raise DockerFailure(
                "there is no `docker` command", hint="install Docker's command line"
            )
        return [found, "--host", self._named] if self._named else [found]

    async def command(
        self, arguments: Sequence[str], *, variables: Mapping[str, str], line: Callable[[str], None]
    ) -> int:
        """Run the `docker` command to its end and return its exit code; `line` hears what it
        prints.

        The variables are added to the command's environment. Cancelled, it ends the command and all
        that it started.
        """
        process = await anyio.open_process(
            [*self._docker(), *arguments],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables},
        )
        try:
            assert process.stdout is not None
            await _read_lines(process.stdout, line)
            return await process.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)


def _connect(host: str | None) -> tuple[APIClient, str]:
    """A client that has spoken to the engine once, and where that is."""
    try:
        from docker import APIClient, errors  # noqa: PLC0415 - heavy, and an optional extra
        from requests import RequestException  # noqa: PLC0415 - comes with it
    except ModuleNotFoundError as error:
        raise DockerFailure(
            f"containers need the Python package `{error.name}`",
            hint="pip install 'hud-local[docker]'",
        ) from error
    named = host or "DOCKER_HOST"
    try:
        where = _locate(host)
        named = str(where["base_url"])
        _knock(named)
        _need_what_ssh_needs(named)
        client = APIClient(
            **where,
            version="auto",
            timeout=_HELLO_SECONDS,
            max_pool_size=_THREADS,
            use_ssh_client=named.startswith("ssh://"),
        )
    except (errors.DockerException, RequestException, OSError) as error:
        raise unavailable(named, _innermost(error)) from error
    client.timeout = int(ANSWER_SECONDS)
    return client, named if not where.get("tls") else named.replace("tcp://", "tls://")


def _locate(host: str | None) -> dict[str, Any]:
    """Where the engine is, for `APIClient`: given, by `DOCKER_HOST`, or by Docker's context."""
    from docker import utils  # noqa: PLC0415 - heavy, and an optional extra
    from docker.context import ContextAPI  # noqa: PLC0415 - comes with it

    where: dict[str, Any] = {"base_url": host} if host else dict(utils.kwargs_from_env())
    if not where.get("base_url"):
        where |= ContextAPI.kwargs_from_context()
    named = where.get("base_url") or "unix:///var/run/docker.sock"
    return {**where, "base_url": str(named).replace("http+unix://", "unix://")}


def _knock(host: str) -> None:
    """Fail early and plainly if no engine listens at a socket file."""
    url = urlsplit(host)
    if url.scheme == "unix":
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_HELLO_SECONDS)
            probe.connect(url.path)


def _need_what_ssh_needs(host: str) -> None:
    """Say what is missing to reach an engine over SSH; the engine's package does not."""
    if host.startswith("ssh://") and importlib.util.find_spec("paramiko") is None:
        raise EngineUnavailable(
            f"the container engine at {host} needs the Python package `paramiko`",
            hint="pip install 'docker[ssh]'",
        )


def _innermost(error: BaseException) -> str:
    """What lies at the bottom of a chain of wrapped exceptions, in a few words."""
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _innermost(reason)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    cause = error.__cause__ or error.__context__
    if cause is not None:
        return _innermost(cause)
    text = " ".join(str(error).split())
    return "it does not answer in time" if "timed out" in text else text[:300]


async def _read_lines(source: Any, line: Callable[[str], None]) -> None:
    """Hand on a command's output line by line; of a line without end only the start is kept."""
    pending = b""
    async for chunk in source:
        *complete, pending = (pending + chunk).split(b"\n")
        for text in complete:
            line(text[:_LINE].decode(errors="replace"))
        pending = pending[:_LINE]
    if pending:
        line(pending.decode(errors="replace"))


async def _end(process: Any) -> None:
    """End a command that still runs: politely first, as it passes that on to the builder."""
    if process.returncode is None:
        process.terminate()
        with anyio.move_on_after(5):
            await process.wait()
    if process.returncode is None:
        process.kill()
    await process.aclose()

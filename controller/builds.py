"""Building images in the background, with a record of each build and a log of what it printed."""

from __future__ import annotations

import asyncio
import secrets as tokens
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from weakref import WeakValueDictionary

from controller.environments.ledger import Ledger
from controller.environments.log import KEPT_LINES, Log
from controller.errors import NotFound
from controller.secrets import Secrets
from hud.containers import BuildEvent, BuildRequest, BuildResult, Containers
from hud.errors import HudError
from hud.runtime.build import build_image, current_image
from hud.wire.platform import BuildRecord, LogPage

KEPT_LOGS = 50
"""Logs of builds that are kept in memory; those before them are read from their files."""
ENDED_EARLY = "the controller ended before the build did"


@dataclass(frozen=True)
class Order:
    """A build that is wanted."""

    environment: str
    cause: str
    request: BuildRequest


class Builds:
    """Every build of every environment."""

    def __init__(self, store: Ledger, secrets: Secrets, folder: Path) -> None:
        """`folder` takes the logs."""
        self._store = store
        self._secrets = secrets
        self._folder = folder
        self._logs: OrderedDict[str, Log] = OrderedDict()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By the image's name: one that is being built need not be built by others, too."""

    async def open(self) -> None:
        """Close the books on builds that a controller before this one did not end."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for record in (await self._store.builds(status="running", limit=1000)).items:
            ended = {"status": "failed", "error": ENDED_EARLY}
            await self._store.put_build(record.model_copy(update=ended))

    async def begin(self, environment: str, cause: str) -> BuildRecord:
        """Put down that a build begins."""
        record = BuildRecord(
            id=f"build-{tokens.token_hex(6)}",
            environment=environment,
            status="running",
            cause=cause,
            started_at=datetime.now(UTC),
        )
        self._logs[record.id] = Log(self._secrets.redact)
        while len(self._logs) > KEPT_LOGS:
            self._logs.popitem(last=False)
        await self._note(record)
        return record

    async def end(
        self, record: BuildRecord, *, image: str | None = None, error: HudError | None = None
    ) -> BuildRecord:
        """Put down how a build ended; `error` says why it failed."""
        redact = self._secrets.redact
        ended = record.model_copy(
            update={
                "status": "passed" if error is None else "failed",
                "image": image,
                "seconds": round((datetime.now(UTC) - record.started_at).total_seconds(), 3),
                "error": redact(error.message) if error else None,
                "hint": redact(error.hint) if error and error.hint else None,
                "detail": redact(error.detail) if error and error.detail else None,
            }
        )
        if record.id in self._logs:
            path = self._folder / f"{record.id}.log"
            path.write_text(self._logs[record.id].text() + "\n", "utf-8")
        await self._note(ended)
        return ended

    def sink(self, record: BuildRecord) -> Callable[[str], None]:
        """Takes lines for a build's log."""
        return self._logs.get(record.id) or Log(self._secrets.redact)

    async def run(
        self,
        engine: Containers,
        order: Order,
        note: Callable[[str], None] | None = None,
        on_begin: Callable[[], None] | None = None,
    ) -> BuildResult:
        """Build, and put it down; what is up to date is not built. `note` takes the log's steps,
        too; `on_begin` is called when there is something to build.

        Raises:
            UserError: the folder cannot be built.
            BuildFailure: the build failed.
        """
        async with self._turns.setdefault(order.request.tag or "", asyncio.Lock()):
            found = await current_image(engine, order.request)
            if found is not None:
                return found
            if on_begin is not None:
                on_begin()
            begun = await self.begin(order.environment, order.cause)
            return await self.carry_out(engine, order, begun, note)

    async def carry_out(
        self,
        engine: Containers,
        order: Order,
        begun: BuildRecord,
        note: Callable[[str], None] | None = None,
    ) -> BuildResult:
        """Build what was begun, and put down how it ends.

        Raises:
            UserError: the folder cannot be built.
            BuildFailure: the build failed.
        """
        sink = self.sink(begun)
        try:
            result = await self.build(engine, order.request, sink, note)
        except HudError as exc:
            await self.end(begun, error=exc)
            raise
        except BaseException:
            await self.end(begun, error=HudError("the build was cancelled"))
            raise
        await self.end(begun, image=result.tag)
        return result

    async def build(
        self,
        engine: Containers,
        request: BuildRequest,
        log: Callable[[str], None],
        note: Callable[[str], None] | None = None,
    ) -> BuildResult:
        """Build; `log` takes every line, `note` only the steps.

        Raises:
            UserError: the folder cannot be built.
            BuildFailure: the build failed.
        """

        def show(event: BuildEvent) -> None:
            line = event.name if event.kind == "started" else f"{event.name} {event.text}".strip()
            log(line)
            if note is not None and event.kind != "line":
                note(line)

        result = await build_image(engine, request, show)
        if result.reused:
            log(f"`{result.tag}` is up to date")
        return result

    async def log(self, identity: str, after: int = 0) -> LogPage:
        """The lines of a build's log that follow line `after`.

        Raises:
            NotFound: there is no such build, or its log is gone.
        """
        if identity in self._logs:
            return self._logs[identity].page(after)
        path = self._folder / f"{identity}.log"
        if path.parent != self._folder or not path.is_file():
            raise NotFound(f"there is no log of a build `{identity}`")
        lines = path.read_text("utf-8", errors="replace").splitlines()[after : after + KEPT_LINES]
        return LogPage(lines=lines, next=after + len(lines))

    async def _note(self, record: BuildRecord) -> None:
        await self._store.put_build(record)
        data = {"build": record.id, "status": record.status, "cause": record.cause}
        await self._store.add_event("build", record.environment, data)

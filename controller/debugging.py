"""Examinations in the background: the phases of `hud debug`, of an environment or an image."""

from __future__ import annotations

import asyncio
import secrets as tokens
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

from controller.deployments import Deployments
from controller.environments.registry import Place, with_image
from controller.environments.services import Services
from controller.errors import Conflict, NotFound
from hud.debug import PhaseEvent, Request, debug, open_target
from hud.debug.targets.image import ImageTarget
from hud.debug.targets.module import ModuleTarget
from hud.debug.targets.target import Target
from hud.errors import HudError
from hud.runtime.container import spec_for
from hud.wire.platform import DebugRecord, DebugRequest, PhaseRecord, WorkStatus

AT_ONCE = 2
"""Examinations that run at a time; further ones wait."""
ENDED_EARLY = "the controller ended before the examination did"


class Debugging:
    """Every examination. An async context manager."""

    def __init__(self, deployments: Deployments, services: Services) -> None:
        self._deployments = deployments
        self._services = services
        self._store = services.store
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._records: dict[str, DebugRecord] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        """Close the books on examinations that a controller before this one did not end."""
        for record in (await self._store.debugs(status="running", limit=1000)).items:
            ended = {"status": "failed", "error": ENDED_EARLY}
            await self._store.put_debug(record.model_copy(update=ended))
        return self

    async def __aexit__(self, *_: object) -> None:
        """End what runs."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def start(self, request: DebugRequest) -> DebugRecord:
        """Begin an examination; it goes on in the background.

        Raises:
            NotFound: there is no environment of that name, and it is no image's either.
        """
        place = await self._place(request.target)
        record = DebugRecord(
            id=f"debug-{tokens.token_hex(6)}",
            target=request.target,
            status="running",
            started_at=datetime.now(UTC),
        )
        self._records[record.id] = record
        await self._note(record)
        task = asyncio.create_task(self._run(record, place, request))
        self._tasks[record.id] = task
        task.add_done_callback(lambda _: self._forget(record.id))
        return record

    async def get(self, identity: str) -> DebugRecord:
        """One examination, as far as it has come.

        Raises:
            NotFound: there is none of that id.
        """
        return self._records.get(identity) or await self._store.debug(identity)

    async def list(self) -> list[DebugRecord]:
        """The last examinations, newest first."""
        stored = (await self._store.debugs()).items
        return [self._records.get(record.id, record) for record in stored]

    async def cancel(self, identity: str) -> DebugRecord:
        """End an examination, and the servers that it started.

        Raises:
            NotFound: there is none of that id.
            Conflict: it has ended already.
        """
        task = self._tasks.get(identity)
        if task is None:
            record = await self._store.debug(identity)
            raise Conflict(f"examination `{identity}` has {record.status} already")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await self._store.debug(identity)

    def _forget(self, identity: str) -> None:
        self._tasks.pop(identity, None)
        self._records.pop(identity, None)

    async def _place(self, target: str) -> Place | None:
        """Where the environment of that name is; None for an image."""
        try:
            return await self._deployments.place(target)
        except NotFound:
            if not await self._is_image(target):
                raise
            return None

    async def _is_image(self, name: str) -> bool:
        if not (await self._services.engines.health()).available:
            return False
        async with self._services.engines.open() as engine:
            return await engine.image(name) is not None

    async def _run(self, record: DebugRecord, place: Place | None, request: DebugRequest) -> None:
        status: WorkStatus = "failed"
        error: HudError | None = None
        try:
            async with self._turn, self._target(place, request) as target:
                status = await self._examine(record, target, request.max_phase)
        except HudError as exc:
            error = exc
        except asyncio.CancelledError:
            status = "cancelled"
            raise
        except Exception as exc:  # noqa: BLE001 - a bug of ours: the record says so, the rest goes on
            error = HudError(f"the examination itself failed: {exc!r}")
        finally:
            await asyncio.shield(self._end(record, status, error))

    async def _examine(self, record: DebugRecord, target: Target, max_phase: int) -> WorkStatus:
        status: WorkStatus = "passed"
        async with aclosing(debug(target, max_phase=max_phase)) as events:
            async for event in events:
                phase = self._phase(event)
                others = [known for known in record.phases if known.number != phase.number]
                record.phases = [*others, phase]
                if event.status == "failed":
                    status = "failed"
                await self._note(record)
        return status

    async def _end(self, record: DebugRecord, status: WorkStatus, error: HudError | None) -> None:
        redact = self._services.secrets.redact
        record.status = status
        record.seconds = round((datetime.now(UTC) - record.started_at).total_seconds(), 3)
        if error is not None:
            record.error = redact(error.message)
            record.hint = redact(error.hint) if error.hint else None
        await self._note(record)

    def _phase(self, event: PhaseEvent) -> PhaseRecord:
        described: dict[str, Any] = self._services.secrets.redact_all(event.as_json())
        return PhaseRecord.model_validate(described)

    async def _note(self, record: DebugRecord) -> None:
        await self._store.put_debug(record)
        last = record.phases[-1] if record.phases else None
        data = {
            "status": record.status,
            "target": record.target,
            "phase": last.model_dump(include={"number", "title", "status"}) if last else None,
        }
        await self._store.add_event("debug", record.id, data)

    @asynccontextmanager
    async def _target(self, place: Place | None, request: DebugRequest) -> AsyncIterator[Target]:
        """What is examined, as processes or containers get it that declare the same variables."""
        if place is not None and not place.in_container:
            variables = self._services.process_variables(place.name, place.project)
            yield ModuleTarget("", place.project.folder, variables)
            return
        if place is None:
            async with open_target(Request(request.target)) as target:
                yield target
            return
        project = (await with_image(self._services, place, "debug run")).project
        variables = self._services.variables(project)
        async with self._services.engines.open() as engine:
            spec = spec_for(project.image, env_vars=variables, sandbox=project.sandbox)
            yield ImageTarget(engine, spec)

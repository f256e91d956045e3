"""The environments in the workspace's folders: they appear, move and go by themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial
from typing import Any, Self, TypeVar

from controller.builds import Builds, Order
from controller.environments.discovery import Discovery, Found
from controller.environments.engines import Engines
from controller.environments.ledger import Ledger
from controller.environments.lines import Lines
from controller.environments.plays import Plays
from controller.environments.services import Services
from controller.errors import Conflict, NotFound
from controller.secrets import Secrets
from controller.sessions import Serving
from controller.settings import ControllerSettings, reachable
from hud.containers import BuildRequest
from hud.errors import HudError, did_you_mean
from hud.runtime.project import read_project
from hud.wire.platform import (
    BuildRecord,
    EnvironmentRecord,
    LogPage,
    Offer,
    ScenarioPrompt,
    ToolAnswer,
)

logger = logging.getLogger(__name__)

SCAN_SECONDS = 0.5
LOOKS_UNTIL_GONE = 3
"""How often a folder has to be found missing: editors and version control make files anew."""
ENGINE_ROUNDS = 20
"""Rounds of scanning after which those that wait for an engine look for one."""
READY_SECONDS = 30.0

T = TypeVar("T")


class Workspace:
    """Every environment of the workspace. An async context manager."""

    def __init__(
        self, settings: ControllerSettings, store: Ledger, builds: Builds, secrets: Secrets
    ) -> None:
        self.engines = Engines(settings)
        output = Lines(partial(logger.info, "printed: %s"))
        self.services = Services(settings, store, secrets, builds, self.engines, output)
        self._settings = settings
        self._store = store
        self._discovery = Discovery(settings.workspace)
        self._serving: dict[str, Serving] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._missing: dict[str, int] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._chosen: str | None = None
        self._stopped: set[str] = set()
        self._versions: dict[str, int] = {}
        host, port = reachable(settings.mcp_host), settings.mcp_port
        self._plays = Plays(lambda name: f"http://{host}:{port}/{name}/mcp")

    async def __aenter__(self) -> Self:
        """Take up what was there, and begin to look."""
        self._settings.workspace.mkdir(parents=True, exist_ok=True)
        await self.services.builds.open()
        await self.services.output.__aenter__()
        for record in await self._store.environments():
            if record.is_chosen:
                self._chosen = record.name
            if record.state == "stopped" and record.folder is not None:
                self._stopped.add(record.name)
            if record.version is not None:
                self._versions[record.name] = record.version
        self.services.secrets.listeners.append(self._heed_secret)
        await self._look()
        self._spawn(self._watch())
        wanted = [name for name, one in self._serving.items() if one.is_wanted]
        self._spawn(self.engines.forget_all_but(wanted))
        return self

    async def __aexit__(self, *_: object) -> None:
        """End everything."""
        self.services.secrets.listeners.remove(self._heed_secret)
        await self._plays.aclose()
        tasks = [*self._background, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.engines.forget_all_but([])
        await self.services.output.__aexit__()

    async def list(self) -> list[EnvironmentRecord]:
        """Every environment: those of the workspace, and those that were only deployed."""
        stored = {record.name: record for record in await self._store.environments()}
        records = [serving.record() for serving in self._serving.values()]
        here = {record.name for record in records}
        records += [
            record for name, record in stored.items() if name not in here and record.folder is None
        ]
        return sorted(records, key=lambda record: record.name)

    async def get(self, name: str) -> EnvironmentRecord:
        """One environment.

        Raises:
            NotFound: there is none of that name; the hint has near ones.
        """
        records = {record.name: record for record in await self.list()}
        if name not in records:
            hint = did_you_mean(name, records)
            raise NotFound(f"there is no environment `{name}`", hint=hint)
        return records[name]

    async def start(self, name: str) -> EnvironmentRecord:
        """Start an environment, afresh if it runs already."""
        serving = self._named(name)
        serving.start()
        return serving.record()

    async def stop(self, name: str) -> EnvironmentRecord:
        """Stop an environment; it stays stopped until it is started."""
        serving = self._named(name)
        serving.stop()
        return serving.record()

    async def remove(self, name: str) -> None:
        """Forget an environment that was deployed.

        Raises:
            Conflict: it is a folder of the workspace.
        """
        record = await self.get(name)
        if record.folder is not None:
            told = f"`{name}` is the folder `{record.folder}` of the workspace"
            raise Conflict(told, hint="remove the folder, or stop the environment")
        await self._store.remove_environment(name)
        await self._store.add_event("environment", name, {"state": "removed"})

    async def choose(self, name: str) -> EnvironmentRecord:
        """Let `/mcp` lead to an environment."""
        serving = self._named(name)
        self._chosen = name
        self._mark_chosen()
        return serving.record()

    async def rebuild(self, name: str, no_cache: bool = False) -> BuildRecord:
        """Build an environment's image, in the background, and start it anew from there.

        Raises:
            Conflict: it has no Dockerfile, or no container engine answers.
        """
        serving = self._named(name)
        if not serving.found.has_dockerfile:
            told = f"`{name}` has no Dockerfile, so there is nothing to build"
            raise Conflict(told, hint=f"start it afresh: POST /environments/{name}/start")
        health = await self.engines.health()
        if not health.available:
            told = f"`{name}` cannot be built: {health.reason}"
            raise Conflict(told, hint="start a container engine")
        project = read_project(serving.found.folder)
        request = BuildRequest(
            project.folder,
            tag=project.image,
            secrets=self.services.secrets.given(project.variables),
            no_cache=no_cache,
        )
        builds = self.services.builds
        record = await builds.begin(name, "rebuild")
        self._spawn(self._rebuild(serving, Order(name, "rebuild", request), record))
        return record

    async def offer(self, name: str) -> Offer:
        """What an environment offers now."""
        self._running(name)
        return await self._timely(self._plays.offer(name), name)

    async def call_tool(self, name: str, tool: str, arguments: dict[str, Any]) -> ToolAnswer:
        """Call a tool for a page; no secret is in the answer."""
        self._running(name)
        answer = await self._timely(self._plays.call_tool(name, tool, arguments), name)
        return ToolAnswer.model_validate(self._redacted(answer.model_dump()))

    async def setup(self, name: str, scenario: str, args: dict[str, Any]) -> ScenarioPrompt:
        """Start a scenario for a page."""
        self._running(name)
        prompt = await self._timely(self._plays.setup(name, scenario, args), name)
        return ScenarioPrompt.model_validate(self._redacted(prompt.model_dump()))

    async def grade(self, name: str, scenario: str, play: str, answer: str) -> dict[str, Any]:
        """Grade the scenario that was started as `play`."""
        self._running(name)
        graded = await self._timely(self._plays.grade(name, scenario, play, answer), name)
        redacted: dict[str, Any] = self._redacted(graded)
        return redacted

    async def log(self, name: str, after: int = 0) -> LogPage:
        """The lines of an environment's log that follow line `after`."""
        return self._named(name).log.page(after)

    async def build_log(self, identity: str, after: int = 0) -> LogPage:
        """The lines of a build's log that follow line `after`."""
        return await self.services.builds.log(identity, after)

    def serving(self, name: str) -> Serving | None:
        """The environment of that name, if the workspace has it."""
        return self._serving.get(name)

    def served(self) -> tuple[Serving, ...]:
        """Every environment of the workspace."""
        return tuple(self._serving.values())

    def chosen(self) -> Serving | None:
        """Where `/mcp` leads: to the environment that was chosen, else to the only one."""
        if self._chosen in self._serving:
            return self._serving[self._chosen]
        return next(iter(self._serving.values())) if len(self._serving) == 1 else None

    def note_version(self, name: str, number: int) -> bool:
        """Take note that a version was registered; whether the workspace has that environment."""
        self._versions[name] = number
        serving = self._serving.get(name)
        if serving is not None:
            serving.version = number
            serving.note_change()
        return serving is not None

    def _named(self, name: str) -> Serving:
        if name not in self._serving:
            hint = did_you_mean(name, self._serving)
            raise NotFound(f"there is no environment `{name}` in the workspace", hint=hint)
        return self._serving[name]

    def _running(self, name: str) -> None:
        serving = self._named(name)
        if serving.state != "running":
            about = f": {serving.reason}" if serving.reason else ""
            raise Conflict(f"environment `{name}` is {serving.state}{about}")

    async def _timely(self, work: Awaitable[T], name: str) -> T:
        """What comes of asking an environment, which is told apart from a fault of ours."""
        try:
            return await work
        except ExceptionGroup as group:
            found = group.exceptions[0]
            while isinstance(found, ExceptionGroup):
                found = found.exceptions[0]
            if isinstance(found, HudError):
                raise found from group
            raise Conflict(f"environment `{name}` does not answer: {found}") from group

    def _redacted(self, value: Any) -> Any:
        return self.services.secrets.redact_all(value)

    async def _rebuild(self, serving: Serving, order: Order, record: BuildRecord) -> None:
        try:
            async with self.engines.open() as engine:
                await self.services.builds.carry_out(engine, order, record, serving.log)
        except HudError as exc:
            serving.log(f"rebuild failed: {exc.message}")
            return
        serving.start()

    async def _heed_secret(self, name: str) -> None:
        """Start what declares a secret anew, with its value as it is now."""
        for serving in self._serving.values():
            if name in serving.record().variables and serving.is_wanted:
                serving.start()

    async def _watch(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(SCAN_SECONDS)
            rounds += 1
            try:
                await self._look()
                await self._plays.sweep()
                if rounds % ENGINE_ROUNDS == 0:
                    await self._look_for_engine()
            except OSError as exc:
                logger.warning("the workspace cannot be read: %s", exc)

    async def _look(self) -> None:
        found = {one.name: one for one in await asyncio.to_thread(self._discovery.scan)}
        for name, one in found.items():
            self._missing.pop(name, None)
            serving = self._serving.get(name)
            if serving is None:
                await self._appear(one)
            elif serving.found.signature != one.signature or serving.found.folder != one.folder:
                serving.log("its folder, or what its pyproject.toml declares, has changed")
                serving.move(one)
        for name in list(self._serving.keys() - found.keys()):
            self._missing[name] = self._missing.get(name, 0) + 1
            if self._missing[name] >= LOOKS_UNTIL_GONE:
                await self._disappear(name)

    async def _look_for_engine(self) -> None:
        waiting = [one for one in self._serving.values() if one.needs_engine and one.is_wanted]
        if waiting and (await self.engines.health()).available:
            for serving in waiting:
                serving.start()

    async def _appear(self, found: Found) -> None:
        serving = Serving(found, self.services, is_wanted=found.name not in self._stopped)
        serving.version = self._versions.get(found.name)
        self._serving[found.name] = serving
        task = asyncio.create_task(serving.run())
        task.add_done_callback(lambda ended: _explain(found.name, ended))
        self._tasks[found.name] = task
        self._mark_chosen()
        ready = asyncio.create_task(serving.ready.wait())
        waited = {ready, task}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED, timeout=READY_SECONDS)
        ready.cancel()

    async def _disappear(self, name: str) -> None:
        self._missing.pop(name)
        serving, task = self._serving.pop(name), self._tasks.pop(name)
        await self._plays.forget(name)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._mark_chosen()
        if serving.version is None:
            with suppress(NotFound):
                await self._store.remove_environment(name)
        else:
            gone = {"folder": None, "state": "found", "endpoint": None, "is_chosen": False}
            await self._store.put_environment(serving.record().model_copy(update=gone))
        await self._store.add_event("environment", name, {"state": "removed"})

    def _mark_chosen(self) -> None:
        chosen = self.chosen()
        for serving in self._serving.values():
            serving.is_chosen = serving is chosen
            serving.note_change()

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[Any] = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _explain(name: str, ended: asyncio.Task[None]) -> None:
    """Say why an environment's endpoint ended that nobody ended."""
    error = None if ended.cancelled() else ended.exception()
    if error is not None:
        logger.error("the endpoint of `%s` ended", name, exc_info=error)

"""Serving one environment of the workspace: its endpoint stays as long as its folder does, the
session behind it is started, stopped and started anew.

1. Clients' sessions belong to the endpoint, and are kept on disk: they go on after a restart. What
   they held in the environment is there still if the controller was killed and the environment runs
   in a container: that is taken over. A controller that is told to end leaves no container behind,
   for it cannot know whether it will be started again.
2. What the environment's code does happens in other processes; what fails there is a state here.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from contextlib import AsyncExitStack, aclosing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from controller.environments.backends import Opened, open_backend
from controller.environments.discovery import Found
from controller.environments.log import Log, Redact, redact_all
from controller.environments.services import Services
from hud.containers import EngineUnavailable
from hud.dev.front import DevGateway
from hud.dev.gateway import GatewayEvent, Limits, UpstreamFailure
from hud.dev.playtools import PLAY_TOOLS
from hud.dev.session import DevSession, Event, Failed, Ready, Reloaded
from hud.dev.watcher import needs_polling
from hud.errors import HudError, InitializeFailure, StartFailure
from hud.runtime.project import read_project
from hud.wire.platform import EnvironmentRecord, EnvironmentState, Reload

logger = logging.getLogger(__name__)

LIMITS = Limits(close_seconds=1.0, max_sessions=2000)
GRACE_SECONDS = 2.0
"""How long calls under way may go on when an environment is stopped."""
RETRY_SECONDS = 5.0
MOUNTS = Path("/proc/mounts")


class CoveredGateway(DevGateway):
    """An endpoint whose own words hold no secret; what the environment answers is its clients'."""

    def __init__(self, redact: Redact, **options: Any) -> None:
        super().__init__(**options)
        self._redact = redact

    def fail(self, reason: str) -> None:
        """As the gateway's."""
        super().fail(self._redact(reason))

    def status(self) -> dict[str, Any]:
        """As the gateway's."""
        covered: dict[str, Any] = redact_all(super().status(), self._redact)
        return covered


class Serving:
    """One environment of the workspace."""

    def __init__(self, found: Found, services: Services, *, is_wanted: bool = True) -> None:
        """`is_wanted`: whether it is to run; a user may have stopped it."""
        self.found = found
        self.log = Log(services.secrets.redact)
        self.is_wanted = is_wanted
        self.is_chosen = False
        self.version: int | None = None
        """Number of its newest registered version."""
        self.ready = asyncio.Event()
        """Set when the endpoint can be asked."""
        self.needs_engine = False
        """Whether it waits for a container engine, or could use one."""
        self._services = services
        self._state: EnvironmentState = "found"
        self._reason: str | None = None
        self._updated_at = datetime.now(UTC)
        self._variables: tuple[str, ...] = ()
        self._opened: Opened | None = None
        self._last_reload: Reload | None = None
        self._last_error: Reload | None = None
        self._poke = asyncio.Event()
        self._changed = asyncio.Event()
        self._noted: dict[str, Any] = {}
        self.gateway = CoveredGateway(
            services.secrets.redact,
            folder=session_folder(services.settings.data_dir, found.name),
            limits=LIMITS,
            hosts=services.settings.hosts,
            on_event=self._heed,
        )

    @property
    def state(self) -> EnvironmentState:
        """What it is doing."""
        return self._state

    @property
    def reason(self) -> str | None:
        """Why it is in that state."""
        return self._reason

    async def run(self) -> None:
        """Serve until cancelled."""
        async with self.gateway:
            self.ready.set()
            books = asyncio.create_task(self._keep_books())
            try:
                while True:
                    await self._round()
            finally:
                books.cancel()
                await asyncio.gather(books, return_exceptions=True)

    def start(self) -> None:
        """Let it run, afresh if it does already."""
        self.is_wanted = True
        self._poke.set()

    def stop(self) -> None:
        """Let it rest; clients are told so."""
        self.is_wanted = False
        self._poke.set()

    def move(self, found: Found) -> None:
        """Take note that its folder or what it declares is another one, and start afresh."""
        self.found = found
        self._poke.set()

    def record(self) -> EnvironmentRecord:
        """What is known of it."""
        settings = self._services.settings
        opened = self._opened
        tools = [name for name in self.gateway.offered("tools") if _is_visible(name)]
        values = self._services.secrets.given(self._variables)
        return EnvironmentRecord(
            name=self.found.name,
            environment=self.gateway.environment,
            folder=_relative(self.found.folder, settings.workspace),
            state=self._state,
            reason=self._reason,
            is_chosen=self.is_chosen,
            endpoint=f"{settings.mcp_url}/{self.found.name}/mcp",
            runs_in=opened.runs_in if opened is not None else "process",
            image=opened.image if opened is not None else None,
            version=self.version,
            tools=len(tools),
            scenarios=len(self.gateway.scenarios()),
            variables=list(self._variables),
            missing=[name for name in self._variables if name not in values],
            last_reload=self._last_reload,
            last_error=self._last_error,
            updated_at=self._updated_at,
        )

    def note_change(self) -> None:
        """Let the store know that something about it is different."""
        self._changed.set()

    async def _round(self) -> None:
        """Run until somebody wants it otherwise."""
        self._poke.clear()
        if not self.is_wanted:
            self._opened = None
            self._set("stopped", "it was stopped")
            self.gateway.fail(f"environment `{self.found.name}` is stopped")
            await self._poke.wait()
            return
        serving = asyncio.create_task(self._serve())
        poked = asyncio.create_task(self._poke.wait())
        try:
            await asyncio.wait({serving, poked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            poked.cancel()
            serving.cancel()
            await asyncio.gather(serving, poked, return_exceptions=True)
        if not self._poke.is_set():
            self._explain_end(serving)
            await self._poke.wait()

    def _explain_end(self, serving: asyncio.Task[None]) -> None:
        error = None if serving.cancelled() else serving.exception()
        if isinstance(error, HudError | OSError):
            self._fail(error)
        elif error is not None:  # a bug of ours: the other environments go on
            logger.error("serving `%s` failed", self.found.name, exc_info=error)
            self._fail(HudError(f"the controller failed: {error!r}"))

    async def _serve(self) -> None:
        """One session, from its start until it is cancelled."""
        self.needs_engine = False
        self._opened = None
        self._set("starting", None)
        self.log("starts")
        try:
            project = read_project(self.found.folder)
            self._variables = project.variables
            async with AsyncExitStack() as stack:
                opening = open_backend(
                    self._services, self.found, project, self.log, self._note_build
                )
                opened = self._opened = await stack.enter_async_context(opening)
                self.needs_engine = opened.remark is not None
                stack.push_async_callback(self._leave)
                await self._play(opened)
        except EngineUnavailable:
            self.needs_engine = True
            raise

    async def _play(self, opened: Opened) -> None:
        session = DevSession(
            self.gateway,
            opened.backend,
            opened.watched,
            has_image=opened.runs_in == "container",
            poll=needs_polling(opened.watched.paths, _mounts()),
        )
        async with aclosing(session.events()) as events:
            async for event in events:
                self._note(event)

    async def _leave(self) -> None:
        """Take what serves out of service before it ends."""
        with suppress(HudError, OSError):
            await self.gateway.drop("the environment is started anew", grace=GRACE_SECONDS)

    def _note_build(self) -> None:
        self._set("building", None)

    def _note(self, event: Event) -> None:
        """Remember what the session did."""
        self.gateway.note(event)
        if isinstance(event, Failed):
            self._note_failure(event)
        else:
            if isinstance(event, Ready):
                self.log(f"serves, after {event.seconds:.2f} s")
            elif isinstance(event, Reloaded):
                self._last_reload = Reload(
                    at=datetime.now(UTC),
                    cause=self._services.secrets.redact(event.cause),
                    step=event.step.name.lower(),
                    seconds=round(event.seconds, 3),
                )
                self.log(f"{event.step.name.lower()}: {event.cause} ({event.seconds:.2f} s)")
            self._set("running", self._opened.remark if self._opened is not None else None)
        self._changed.set()

    def _note_failure(self, event: Failed) -> None:
        redact = self._services.secrets.redact
        detail = event.error.detail or "\n".join(getattr(event.error, "__notes__", ()))
        self._last_error = Reload(
            at=datetime.now(UTC),
            cause=redact(event.cause),
            seconds=round(event.seconds, 3),
            error=redact(event.error.message),
            detail=redact(detail) or None,
        )
        self.log(f"{event.cause}: {event.error.message}\n{detail}".rstrip())
        if event.is_serving:
            reason = f"the last version serves on: {event.error.message} ({event.cause})"
            self._set("running", reason)
        else:
            self._fail(event.error)

    def _fail(self, error: HudError | OSError) -> None:
        message = error.message if isinstance(error, HudError) else str(error)
        hint = f" (hint: {error.hint})" if isinstance(error, HudError) and error.hint else ""
        reason = f"failed at phase {phase_of(error)}: {message}{hint}"
        self.log(reason)
        self._set("failed", reason)
        self.gateway.fail(reason)

    def _heed(self, event: GatewayEvent) -> None:
        """Take note of what the endpoint says happened behind it."""
        if event.kind == "failed" and self._state == "running" and self._is_bare():
            self._set("failed", f"failed at phase 2: {event.cause}")
        self._changed.set()

    def _is_bare(self) -> bool:
        return self.gateway.snapshot is None

    def _set(self, state: EnvironmentState, reason: str | None) -> None:
        self._state = state
        self._reason = self._services.secrets.redact(reason) if reason else None
        self._changed.set()

    async def _keep_books(self) -> None:
        """Write down what differs, as often as it does."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._write_down()
            except Exception:
                # The store may be away for a while; what is served does not depend on it.
                logger.exception("what became of `%s` cannot be written down", self.found.name)
                await asyncio.sleep(RETRY_SECONDS)
                self._changed.set()

    async def _write_down(self) -> None:
        about = self.record().model_dump(exclude={"updated_at"})
        if about == self._noted:
            return
        told = {key: about[key] for key in ("state", "reason")}
        is_news = any(self._noted.get(key) != value for key, value in told.items())
        has_reload = about["last_reload"] != self._noted.get("last_reload")
        self._updated_at = datetime.now(UTC)
        await self._services.store.put_environment(self.record())
        self._noted = about
        if is_news or has_reload:
            reload = about["last_reload"] if has_reload else None
            told["reload"] = {k: str(v) for k, v in (reload or {}).items()} or None
            await self._services.store.add_event("environment", self.found.name, told)


def phase_of(error: BaseException) -> Literal[1, 2, 3]:
    """The phase of `hud debug` at which an error like this is found: the environment is there and
    can be loaded, it answers, it says what it offers.
    """
    if isinstance(error, UpstreamFailure):
        return 3 if error.stage == "list" else 2
    return 2 if isinstance(error, InitializeFailure | StartFailure) else 1


def session_folder(data_dir: Path, name: str) -> Path:
    """Where the sessions of an environment's clients are kept."""
    return data_dir / "sessions" / hashlib.sha256(name.encode()).hexdigest()[:16]


def _mounts() -> str:
    return MOUNTS.read_text() if MOUNTS.is_file() else ""


def _relative(folder: Path, workspace: Path) -> str:
    return folder.relative_to(workspace).as_posix()


def _is_visible(name: str) -> bool:
    return name not in PLAY_TOOLS and not name.startswith("_")

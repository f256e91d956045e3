"""Chats served to other agents: one history for each conversation."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from hud.errors import UserError
from hud.services.chat import Chat, MessageContent
from hud.task import EnvConfig, Task
from hud.types import Trace

if TYPE_CHECKING:
    from a2a.types import AgentCard
    from starlette.applications import Starlette

DEFAULT = "default"
"""The conversation of those who name none."""
IDLE_SECONDS = 30 * 60.0
"""How long a conversation in which nothing is said is kept."""


class ChatService:
    """A scenario as a chat for many at once, served by A2A (extra `a2a`)."""

    def __init__(
        self,
        task: Any,
        /,
        *,
        model: Any,
        scenario: str | None = None,
        max_steps: int = 50,
        **described: Any,
    ) -> None:
        """Serve a task whose scenario is a chat, or the `scenario` of an environment or of one that
        is named; `described` and the rest are those of `Chat`.

        Raises:
            UserError: an environment is given without `scenario`, or the scenario is no chat.
        """
        made = task if isinstance(task, Task) else _task_of(task, scenario)
        if not isinstance(task, Task):
            described.setdefault("name", f"hud-{made.env_name}")
            described.setdefault("description", f"Chat over `{made.env_name}`")
        self._start(Chat(made, model=model, max_steps=max_steps, **described))

    @classmethod
    def over(cls, chat: Chat) -> Self:
        """Serve chats like this one."""
        service = cls.__new__(cls)
        service._start(chat)
        return service

    def _start(self, chat: Chat) -> None:
        self._first = chat
        self._chats: dict[str, Chat] = {}
        self._used: dict[str, float] = {}

    async def send(self, message: MessageContent, *, session_id: str = DEFAULT) -> Trace:
        """Say something in a conversation; see `Chat.send`."""
        return await self.chat(session_id).send(message)

    def clear(self, session_id: str = DEFAULT) -> None:
        """End a conversation; the next message begins it anew."""
        self.forget(session_id)

    def export_history(self, session_id: str = DEFAULT) -> list[dict[str, Any]]:
        """A copy of a conversation's history, as JSON data."""
        return self.chat(session_id).export_history()

    def load_history(
        self, messages: Iterable[Mapping[str, Any]], session_id: str = DEFAULT
    ) -> None:
        """Go on in a conversation from a history; see `Chat.load_history`."""
        self.chat(session_id).load_history(messages)

    def chat(self, conversation: str) -> Chat:
        """The chat of a conversation; those that nobody used for long are forgotten."""
        now = time.monotonic()
        for stale in [key for key, used in self._used.items() if now - used > IDLE_SECONDS]:
            self.forget(stale)
        self._used[conversation] = now
        return self._chats.setdefault(conversation, self._first.another())

    def forget(self, conversation: str) -> None:
        """End a conversation."""
        self._chats.pop(conversation, None)
        self._used.pop(conversation, None)

    def agent_card(self, url: str = "http://localhost:9999/") -> AgentCard:
        """How A2A describes the agent that is served at `url`.

        Raises:
            UserError: the package is not installed.
        """
        card: AgentCard = _a2a().card(self._first.name, self._first.description, url)
        return card

    def app(self, url: str = "http://localhost:9999/") -> Starlette:
        """The ASGI application to be served at `url`.

        Raises:
            UserError: the package is not installed.
        """
        made: Starlette = _a2a().app(self, self.agent_card(url))
        return made

    def serve(self, *, host: str = "127.0.0.1", port: int = 9999, url: str | None = None) -> None:
        """Serve until interrupted; `url` is where others reach it, if not at `host` and `port`.

        Nobody is asked for a key: bind another address only where everyone may use your models.

        Raises:
            UserError: the package is not installed.
        """
        application = self.app(url or f"http://{host}:{port}/")
        importlib.import_module("uvicorn").run(application, host=host, port=port)


def _task_of(env: Any, scenario: str | None) -> Task:
    if scenario is None:
        raise UserError(
            "ChatService was given an environment without a scenario",
            hint='ChatService(env("assist"), model=…)',
        )
    own = EnvConfig(name=env) if isinstance(env, str) else env
    full = scenario if ":" in scenario else f"{own.name}:{scenario}"
    return Task(env=own, scenario=full, args={})


def _a2a() -> Any:
    try:
        return importlib.import_module("hud.services.a2a")
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.split(".")[0] not in ("a2a", "google"):
            raise
        raise UserError(
            "serving a chat needs the package `a2a-sdk`", hint="pip install 'hud-local[a2a]'"
        ) from exc

"""Chats served to other agents: one history for each conversation."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any, Self

from hud.errors import UserError
from hud.services.chat import Chat
from hud.task import EnvConfig, Task

if TYPE_CHECKING:
    from a2a.types import AgentCard
    from starlette.applications import Starlette

IDLE_SECONDS = 30 * 60.0
"""How long a conversation in which nothing is said is kept."""


class ChatService:
    """A scenario as a chat for many at once, served by A2A (extra `a2a`)."""

    def __init__(
        self,
        env: Any,
        *,
        model: Any,
        scenario: str,
        max_steps: int = 50,
        name: str | None = None,
        description: str | None = None,
    ) -> None:
        """Serve the scenario of an environment, or of one named so; see `Chat` for the rest."""
        own = EnvConfig(name=env) if isinstance(env, str) else env
        full = scenario if ":" in scenario else f"{own.name}:{scenario}"
        described: dict[str, Any] = {
            "name": name or f"hud-{own.name}",
            "description": description or f"Chat over `{own.name}`",
        }
        task = Task(env=own, scenario=full, args={})
        self._start(Chat(task, model=model, max_steps=max_steps, **described))

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


def _a2a() -> Any:
    try:
        return importlib.import_module("hud.services.a2a")
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.split(".")[0] not in ("a2a", "google"):
            raise
        raise UserError(
            "serving a chat needs the package `a2a-sdk`", hint="pip install 'hud-local[a2a]'"
        ) from exc

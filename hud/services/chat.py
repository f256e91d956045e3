"""A conversation of several turns over one scenario.

1. Each turn is a rollout of its own: the scenario is set up with all `messages` so far, the agent
   plays, what it answers is graded, and joins the history.
2. A turn without an answer leaves the history as it was, so that it can be said again.
3. Turns of one chat never overlap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import mcp_types
from pydantic import ValidationError

from hud.agents.catalog import create_agent
from hud.errors import UserError
from hud.task import Task, json_copy, new_id
from hud.tools.agent import AgentTool
from hud.types import Trace

if TYPE_CHECKING:
    from a2a.types import AgentCard

MessageContent = str | Sequence[mcp_types.ContentBlock]
"""What a user says: a text, or content blocks."""


class Chat:
    """A conversation with an agent: `await chat.send("…")`, turn by turn."""

    def __init__(
        self,
        task: Task,
        /,
        *,
        model: Any,
        agent_params: Mapping[str, Any] | None = None,
        max_steps: int = 10,
        **described: Any,
    ) -> None:
        """Make a chat over a scenario that takes `messages`, such as `env("assist")`.

        `model` is an agent's or a model's name, or an agent; `agent_params` are the options of its
        `create`; `max_steps` bounds the model's turns within one of ours. `described`: name and
        description, of the tool and for other agents, and `trace` and `quiet`, which published code
        passes and which have no effect.

        Raises:
            UserError: the scenario takes no `messages`.
            TypeError: another option is given.
        """
        unknown = described.keys() - {"name", "description", "trace", "quiet"}
        if unknown:
            raise TypeError(f"Chat takes no option `{min(unknown)}`")
        _check_is_chat(task)
        self.task = task
        self.model = model
        self.agent_params = dict(agent_params or {})
        self.max_steps = max_steps
        self.name: str = described.get("name") or task.scenario_name or "chat"
        self.description: str = described.get("description") or f"A chat over `{self.name}`"
        self.messages: list[dict[str, Any]] = []
        """The history: `{"role": …, "content": {"type": "text", "text": …}}`, as MCP writes it."""
        self._session_id = new_id()
        self._agent: Any = None
        self._turn = asyncio.Lock()

    @property
    def session_id(self) -> str:
        """Identifies the conversation; a cleared chat is a new one."""
        return self._session_id

    async def send(self, message: MessageContent) -> Trace:
        """Say something; the trace's `content` is the answer.

        A turn that failed has `isError` and `error`.

        Raises:
            UserError: the agent is unknown, its key or package is missing, or nothing was said.
        """
        said = [_message("user", block) for block in _blocks(message)]
        if not said:
            raise UserError("the message is empty", hint='await chat.send("…")')
        async with self._turn:
            conversation = [*self.messages, *said]
            args = {**(self.task.args or {}), "messages": json_copy(conversation)}
            trace = await self.task.copy(args=args).run(self._player(), max_steps=self.max_steps)
            if trace.content is not None:
                answer = _message("assistant", mcp_types.TextContent(text=trace.content))
                self.messages = [*conversation, answer]
            return trace

    def clear(self) -> None:
        """Begin a new conversation."""
        self.messages = []
        self._session_id = new_id()

    def export_history(self) -> list[dict[str, Any]]:
        """A copy of the history, as JSON data."""
        copied: list[dict[str, Any]] = json_copy(self.messages)
        return copied

    def load_history(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Go on from a history; `content` may be a text as well.

        Raises:
            UserError: something in it is no message.
        """
        self.messages = [_loaded(message) for message in messages]

    def as_tool(self, *, name: str | None = None, description: str | None = None) -> AgentTool:
        """The scenario as a tool that this chat's agent plays; it shares no history with it."""
        player = {"model": self.model} if isinstance(self.model, str) else {"agent": self.model}
        return AgentTool(
            self.task,
            agent_params=self.agent_params,
            max_steps=self.max_steps,
            name=name or self.name,
            description=description,
            **player,
        )

    def agent_card(self, url: str = "http://localhost:9999/") -> AgentCard:
        """How A2A describes the agent that is served at `url` (extra `a2a`).

        Raises:
            UserError: the package is not installed.
        """
        card: AgentCard = self._service().agent_card(url)
        return card

    def serve(self, *, host: str = "127.0.0.1", port: int = 9999, url: str | None = None) -> None:
        """Serve to other agents by A2A until interrupted, each conversation with its own history.

        Nobody is asked for a key: bind another address only where everyone may use your models.

        Raises:
            UserError: the package is not installed (extra `a2a`).
        """
        self._service().serve(host=host, port=port, url=url)

    def another(self) -> Chat:
        """A chat like this one, which has not begun."""
        return Chat(
            self.task,
            model=self.model,
            agent_params=self.agent_params,
            max_steps=self.max_steps,
            name=self.name,
            description=self.description,
        )

    def _service(self) -> Any:
        from hud.services.chat_service import ChatService  # noqa: PLC0415 - each makes the other

        return ChatService.over(self)

    def _player(self) -> Any:
        if self._agent is None:
            made = isinstance(self.model, str)
            self._agent = create_agent(self.model, **self.agent_params) if made else self.model
        return self._agent


def _check_is_chat(task: Task) -> None:
    find = getattr(task.env, "find_scenario", None)
    scenario = find(task.scenario) if find and task.scenario else None
    if scenario is not None and "messages" not in scenario.arguments.parameters:
        raise UserError(
            f"{scenario.what} is no chat: it has no parameter `messages`",
            hint="@env.scenario(chat=True) over `async def …(messages: list[dict])`",
        )


def _blocks(message: MessageContent) -> list[mcp_types.ContentBlock]:
    if isinstance(message, str):
        return [mcp_types.TextContent(text=message)] if message.strip() else []
    return list(message)


def _message(role: str, block: mcp_types.ContentBlock) -> dict[str, Any]:
    content = block.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"role": role, "content": content}


def _loaded(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content") if isinstance(message, Mapping) else None
    block = {"type": "text", "text": content} if isinstance(content, str) else content
    try:
        read = mcp_types.PromptMessage.model_validate({**message, "content": block})
    except (ValidationError, TypeError) as exc:
        raise UserError(
            f"{message!r} is no message", hint='{"role": "user", "content": "…"}'
        ) from exc
    return _message(read.role, read.content)

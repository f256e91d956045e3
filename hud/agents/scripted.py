"""An agent without a model: it says what a script says. For tests, examples and trying out."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, ClassVar, Self

from hud.agents.agent import MCPAgent, Message
from hud.errors import AgentFailure
from hud.types import AgentResponse, MCPToolCall

Said = AgentResponse | MCPToolCall | list[MCPToolCall] | str
"""A turn: a whole response, tool calls, or the answer."""
Step = Said | Callable[[list[Message]], Said | Awaitable[Said]]
"""A turn, or a function that makes one of the conversation so far."""


ONE_TURN = (AgentResponse, MCPToolCall, str)


class ScriptedAgent(MCPAgent):
    """Takes its turns from a list of steps, anew in each rollout, or all of them from one function.

    `ScriptedAgent([MCPToolCall(name="look"), "I saw it"])` calls a tool and answers.
    """

    name: ClassVar[str] = "scripted"

    def __init__(self, steps: Sequence[Step] | Step, **options: Any) -> None:
        super().__init__(**options)
        self.steps = steps
        self._coming: Iterator[Step] = iter(())

    @classmethod
    def create(cls, *, steps: Sequence[Step] | Step = (), **options: Any) -> Self:
        return cls(steps, **options)

    def _on_tools_ready(self) -> None:
        if callable(self.steps):
            self._coming = itertools.repeat(self.steps)
        else:
            self._coming = iter([self.steps] if isinstance(self.steps, ONE_TURN) else self.steps)

    async def get_response(self, messages: list[Message]) -> AgentResponse:
        step = next(self._coming, None)
        if step is None:
            raise AgentFailure("the script of the agent `scripted` ended before the agent answered")
        said = step(messages) if callable(step) else step
        response = _response(await said if inspect.isawaitable(said) else said)
        calls = [call.model_dump() for call in response.tool_calls]
        messages.append({"role": "assistant", "content": response.content, "tool_calls": calls})
        return response


def _response(said: Said) -> AgentResponse:
    if isinstance(said, AgentResponse):
        return said
    if isinstance(said, str):
        return AgentResponse(content=said)
    return AgentResponse(tool_calls=said if isinstance(said, list) else [said])

"""Using tools and playing scenarios for the pages, over MCP, in sessions of their own.

Only so many sessions are open; the one that was used longest ago makes room, and those that nobody
uses end.
"""

from __future__ import annotations

import asyncio
import secrets as tokens
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mcp_types
from pydantic import BaseModel

from controller.errors import NotFound
from hud.dev.playtools import PLAY_TOOLS
from hud.environment.connections import Supervised
from hud.environment.environment import text_of
from hud.environment.mcp_client import open_url
from hud.environment.session import SUBMIT_TOOL, Connection, parse_grade
from hud.errors import GradingFailure, did_you_mean
from hud.wire.platform import Offer, ScenarioPrompt, ToolAnswer

MOST_PLAYS = 32
IDLE_SECONDS = 900.0


@dataclass
class Play:
    """A session with an environment, and the scenario that was started in it."""

    environment: str
    supervised: Supervised[Connection]
    scenario: str | None = None
    used: float = field(default_factory=time.monotonic)


class Plays:
    """Open sessions by id."""

    def __init__(self, url_of: Callable[[str], str]) -> None:
        """`url_of` is where an environment's endpoint is."""
        self._url_of = url_of
        self._open: OrderedDict[str, Play] = OrderedDict()

    async def offer(self, name: str) -> Offer:
        """What an environment offers now."""
        connection = await self._connection(name)
        tools = await connection.list_tools()
        resources = await connection.list_resources()
        prompts = await connection.list_prompts()
        graded = {str(resource.uri) for resource in resources}
        return Offer(
            tools=[_plain(tool) for tool in tools if _is_an_authors(tool.name)],
            scenarios=[_scenario(prompt) for prompt in prompts if prompt.name in graded],
            resources=[_plain(item) for item in resources if ":" not in item.name],
        )

    async def call_tool(self, name: str, tool: str, arguments: dict[str, Any]) -> ToolAnswer:
        """Call a tool, in the session of the scenario that was started last, if one is under
        way.
        """
        connection = await self._connection(name)
        started = time.monotonic()
        result = await connection.call_tool(tool, arguments)
        content = [_plain(block) for block in result.content]
        return ToolAnswer(
            content=content,
            structured=result.structuredContent,
            is_error=result.isError,
            seconds=round(time.monotonic() - started, 4),
        )

    async def setup(self, name: str, scenario: str, args: dict[str, Any]) -> ScenarioPrompt:
        """Start a scenario in a session of its own.

        Raises:
            NotFound: there is no such scenario.
            SetupFailure: it cannot be set up.
        """
        identity, play = await self._begin(name)
        try:
            connection = await play.supervised.opened()
            full_name = await _find(connection, scenario)
            prompt = await connection.get_prompt(full_name, args)
        except BaseException:
            await self._end(identity)
            raise
        play.scenario = full_name
        return ScenarioPrompt(play=identity, prompt=text_of(prompt.messages))

    async def grade(self, name: str, scenario: str, identity: str, answer: str) -> dict[str, Any]:
        """Grade the scenario that was started; its session ends.

        Raises:
            NotFound: it was not started, or ended since.
            GradingFailure: it refuses the answer, or cannot be graded.
        """
        play = self._open.get(identity)
        if play is None or play.environment != name or play.scenario is None:
            hint = "start the scenario again"
            raise NotFound(f"no scenario `{scenario}` is under way in that play", hint=hint)
        if scenario not in (play.scenario, play.scenario.rpartition(":")[2]):
            raise NotFound(f"that play is one of `{play.scenario}`, not of `{scenario}`")
        try:
            connection = await play.supervised.opened()
            given = {"scenario": play.scenario, "answer": answer}
            submitted = await connection.call_tool(SUBMIT_TOOL, given)
            if submitted.isError:
                raise GradingFailure(submitted.text)
            graded = await connection.read_resource(play.scenario)
            return parse_grade(graded, play.scenario).model_dump(mode="json", exclude_none=True)
        finally:
            await self._end(identity)

    async def sweep(self) -> None:
        """End sessions that nobody uses."""
        limit = time.monotonic() - IDLE_SECONDS
        for identity, play in list(self._open.items()):
            if play.used < limit:
                await self._end(identity)

    async def forget(self, name: str) -> None:
        """End an environment's sessions."""
        for identity, play in list(self._open.items()):
            if play.environment == name:
                await self._end(identity)

    async def aclose(self) -> None:
        """End every session."""
        await asyncio.gather(*(self._end(identity) for identity in list(self._open)))

    async def _connection(self, name: str) -> Connection:
        """The session that was used last with an environment, or a new one."""
        for identity, play in reversed(self._open.items()):
            if play.environment == name:
                play.used = time.monotonic()
                self._open.move_to_end(identity)
                return await play.supervised.opened()
        identity, play = await self._begin(name)
        try:
            return await play.supervised.opened()
        except BaseException:
            await self._end(identity)
            raise

    async def _begin(self, name: str) -> tuple[str, Play]:
        while len(self._open) >= MOST_PLAYS:
            await self._end(next(iter(self._open)))
        url = self._url_of(name)
        identity = tokens.token_urlsafe(12)
        play = Play(name, Supervised(lambda: open_url(url, None, name)))
        self._open[identity] = play
        return identity, play

    async def _end(self, identity: str) -> None:
        play = self._open.pop(identity, None)
        if play is not None:
            await play.supervised.close()


async def _find(connection: Connection, scenario: str) -> str:
    known = [prompt.name for prompt in await connection.list_prompts() if ":" in prompt.name]
    for full_name in known:
        if scenario in (full_name, full_name.rpartition(":")[2]):
            return full_name
    hint = did_you_mean(scenario, [name.rpartition(":")[2] for name in known])
    raise NotFound(f"there is no scenario `{scenario}`", hint=hint)


def _is_an_authors(name: str) -> bool:
    return name not in PLAY_TOOLS and not name.startswith("_")


def _plain(item: BaseModel) -> dict[str, Any]:
    described: dict[str, Any] = item.model_dump(mode="json", by_alias=True, exclude_none=True)
    return described


def _scenario(prompt: mcp_types.Prompt) -> dict[str, Any]:
    """A prompt, with the types of its arguments where the server tells them."""
    described = _plain(prompt)
    typed = described.pop("_meta", {}).get("arguments")
    arguments = typed or described.get("arguments") or []
    return {**described, "name": prompt.name.rpartition(":")[2], "arguments": arguments}

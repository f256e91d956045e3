"""Where a registered environment is, and how fresh instances of it are started."""

from __future__ import annotations

import secrets as tokens
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mcp_types
from pydantic import BaseModel

from controller.environments.discovery import declared_name
from controller.environments.services import Services
from hud.environment.session import Connection
from hud.eval.bound import FolderRuntime
from hud.runtime.contained import ContainerRuntime
from hud.runtime.project import Project
from hud.runtime.runtime import Runtime
from hud.task import Task


@dataclass(frozen=True)
class Place:
    """An environment that instances can be started of."""

    name: str
    source: str | None
    """What tells a registered version from others; None for the workspace's folder as it is now."""
    project: Project
    in_container: bool
    log: Callable[[str], None]

    @property
    def key(self) -> tuple[str, str | None]:
        """What tells it from other places."""
        return self.name, self.source


@dataclass(frozen=True)
class Seen:
    """What an instance was seen to offer."""

    tools: list[dict[str, Any]]
    scenarios: list[dict[str, Any]]


async def open_runtime(services: Services, place: Place, tasks: Sequence[Task]) -> Runtime:
    """A runtime that starts a fresh instance for each rollout of these tasks. Close it with
    `aclose()`.

    Raises:
        HudError: it cannot be loaded, built or started.
    """
    runtime = make_runtime(services, place, tasks)
    try:
        await runtime.open()
    except BaseException:
        await runtime.aclose()
        raise
    return runtime


def make_runtime(
    services: Services, place: Place, tasks: Sequence[Task]
) -> ContainerRuntime | FolderRuntime:
    """The runtime, not open yet."""
    if place.in_container:
        return ContainerRuntime(
            place.project,
            run=f"eval-{tokens.token_hex(6)}",
            engine=services.engines.make(),
            variables=services.variables(place.project),
        )
    variables = services.process_variables(place.project)
    output = services.output.descriptor
    return FolderRuntime(place.project.folder, tasks, variables=variables, output=output)


async def look(services: Services, place: Place) -> Seen:
    """Start an instance once, and see what it offers.

    Raises:
        HudError: it does not start.
    """
    any_task = Task(env=declared_name(place.project.folder), args={})
    runtime = await open_runtime(services, place, [any_task])
    try:
        async with runtime.start(any_task, seed="") as instance:
            return await _seen(instance.connection)
    finally:
        await runtime.aclose()


async def _seen(connection: Connection) -> Seen:
    tools = await connection.list_tools()
    prompts = await connection.list_prompts()
    return Seen(
        [_plain(tool) for tool in tools if not tool.name.startswith("_")],
        [_scenario(prompt) for prompt in prompts if ":" in prompt.name],
    )


def _plain(item: BaseModel) -> dict[str, Any]:
    described: dict[str, Any] = item.model_dump(mode="json", by_alias=True, exclude_none=True)
    return described


def _scenario(prompt: mcp_types.Prompt) -> dict[str, Any]:
    described = _plain(prompt)
    typed = described.pop("_meta", {}).get("arguments")
    return {**described, "arguments": typed or described.get("arguments") or []}

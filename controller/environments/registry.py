"""Where a registered environment is, and how fresh instances of it are started."""

from __future__ import annotations

import secrets as tokens
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import mcp_types
from pydantic import BaseModel

from controller.builds import Order
from controller.environments.discovery import declared_name
from controller.environments.services import Services
from hud.containers import BuildRequest
from hud.environment.session import Connection
from hud.errors import StartFailure, UserError
from hud.eval.bound import FolderRuntime
from hud.runtime.contained import ContainerRuntime
from hud.runtime.project import Project
from hud.runtime.runtime import Runtime
from hud.task import Task
from hud.wire.platform import DeployOptions


@dataclass(frozen=True)
class Place:
    """An environment that instances can be started of."""

    name: str
    source: str | None
    """What tells a registered version from others; None for the workspace's folder as it is now."""
    project: Project
    in_container: bool
    log: Callable[[str], None]
    options: DeployOptions = field(default_factory=DeployOptions)
    """What its image was built with."""

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
    if place.in_container:
        place = await with_image(services, place, "evaluation")
    runtime = make_runtime(services, place, tasks)
    try:
        await runtime.open()
    except BaseException:
        await runtime.aclose()
        raise
    return runtime


async def with_image(services: Services, place: Place, cause: str) -> Place:
    """The place, once the engine has its image. That of a registered version is built again from
    the version's files where it is gone; `cause` is why others are built.

    Raises:
        StartFailure: the files are gone, too.
        HudError: it cannot be built.
    """
    project = place.project
    async with services.engines.open() as engine:
        if project.is_built:
            if await engine.image(project.image) is not None:
                return place
            if not project.has_dockerfile:
                told = f"image `{project.image}` is gone, and so is what it was built from"
                raise StartFailure(told, hint="deploy the environment again: hud deploy")
            cause = "its image is gone from the engine"
            place.log(f"`{project.image}` is built again: {cause}")
        request = build_request(services, project, place.options)
        await services.builds.run(engine, Order(place.name, cause, request), place.log)
    return replace(place, project=replace(project, is_built=True))


def build_request(services: Services, project: Project, options: DeployOptions) -> BuildRequest:
    """What is asked of the engine to build a project's image: declared variables that have a value
    are secrets of the build, and so is what the options name.

    Raises:
        UserError: a secret that the options name has no value.
    """
    secrets = services.secrets.given(project.variables)
    for identity, name in options.secrets.items():
        value = services.secrets.value(name)
        if value is None:
            raise UserError(f"there is no secret `{name}`", hint=f"hud set {name}=VALUE")
        secrets[identity] = value
    return BuildRequest(
        project.folder,
        tag=project.image,
        build_args=options.build_args,
        secrets=secrets,
        no_cache=options.no_cache,
    )


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
    variables = services.process_variables(place.name, place.project)
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

"""From an environment's folder to its image and its lock: built once, started once, looked at."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from pydantic import BaseModel

from hud.containers import BuildRequest, BuildResult, Containers, Image
from hud.containers.contract import Progress
from hud.containers.images.context import DOCKERFILES, read_context
from hud.runtime.lock import Lock, LockedImage, Variables, read_lock
from hud.runtime.project import Project, variables_of
from hud.runtime.sdk import sdk_folder
from hud.runtime.stand_in import CONTEXT, asks_for_newest, stand_in_folder, with_stand_in
from hud.settings import USER_DIR

if TYPE_CHECKING:
    import mcp_types

    from hud.environment.session import Connection

SDK_CONTEXT = "hud"
"""The stage of a Dockerfile that the SDK's wheel takes the place of."""
_WANTS_SDK = re.compile(rf"\bfrom[= ]+{SDK_CONTEXT}(?![\w./:-])", re.IGNORECASE)


async def build_image(
    engine: Containers, request: BuildRequest, progress: Progress | None = None
) -> BuildResult:
    """Build an image, with the SDK that runs here for a Dockerfile that takes it, or that asks for
    a `hud-python` without an upper bound.

    Raises:
        UserError: the folder cannot be built.
        BuildFailure: the build failed.
    """
    return await engine.build(await anyio.to_thread.run_sync(_with_sdk, request), progress)


async def current_image(engine: Containers, request: BuildRequest) -> BuildResult | None:
    """What `build_image` would find up to date; None if it would build.

    Raises:
        UserError: the folder cannot be built.
    """
    return await engine.current(await anyio.to_thread.run_sync(_with_sdk, request))


async def source_of(request: BuildRequest, *, without: Sequence[str]) -> str:
    """Digest of what an image is built from, but for some paths relative to its folder.

    Raises:
        UserError: the folder cannot be built.
    """

    def read() -> str:
        asked = _with_sdk(request)
        context = read_context(asked.folder, asked.dockerfile, asked.context_limit)
        return context.digest(asked.build_args, asked.contexts, without=without)

    return await anyio.to_thread.run_sync(read)


def _with_sdk(request: BuildRequest) -> BuildRequest:
    names = (request.dockerfile,) if request.dockerfile else DOCKERFILES
    recipe = next((path for name in names if (path := request.folder / name).is_file()), None)
    if recipe is None:
        return request
    text = recipe.read_text("utf-8", errors="replace")
    if asks_for_newest(request.folder, text):
        wheels = {CONTEXT: stand_in_folder(USER_DIR / "cache")}
        contexts = {**wheels, **request.contexts}
        request = replace(request, recipe=with_stand_in(text), contexts=contexts)
    if _WANTS_SDK.search(text):
        sdk = {SDK_CONTEXT: sdk_folder(USER_DIR / "cache")}
        request = replace(request, contexts={**sdk, **request.contexts})
    return request


def current_lock(folder: Path, result: BuildResult) -> Lock | None:
    """The folder's lock, if it tells of the image as it is now."""
    lock = read_lock(folder)
    if lock is None or (lock.image.digest, lock.source) != (result.image.id, result.source):
        return None
    return lock if lock.image.name == result.tag else None


async def examine(
    engine: Containers, project: Project, result: BuildResult, given: Mapping[str, str]
) -> Lock:
    """Start the image once and list what it offers. `given` are variables for that run.

    Raises:
        UserError: a variable that the project declares has no value.
        StartFailure: its server does not answer.
    """
    # MCP's client stack is loaded here: an image that is up to date needs none.
    from hud.runtime.container import run_image, spec_for  # noqa: PLC0415
    from hud.runtime.ward import Ward  # noqa: PLC0415

    variables = variables_of(project, given)
    spec = spec_for(result.tag, env_vars=variables, sandbox=project.sandbox, run="build")
    async with Ward(engine) as ward:
        started = time.monotonic()
        async with run_image(ward, spec) as running:
            seconds = time.monotonic() - started
            tools, scenarios = await _offer(running.connection)
    required = [*_empty_variables(result.image), *_asked_for(scenarios), *variables]
    return Lock(
        image=LockedImage(
            name=result.tag, digest=result.image.id, platform=result.image.platform or None
        ),
        source=result.source,
        start_seconds=round(seconds, 2),
        variables=Variables(required=sorted(set(required))),
        tools=[_plain(tool) for tool in tools],
        scenarios=[_scenario(prompt) for prompt in scenarios],
    )


async def _offer(connection: Connection) -> tuple[list[mcp_types.Tool], list[mcp_types.Prompt]]:
    """The tools, and the prompts that are scenarios."""
    tools = await connection.list_tools()
    prompts = await connection.list_prompts()
    visible = [tool for tool in tools if not tool.name.startswith("_")]
    return visible, [prompt for prompt in prompts if ":" in prompt.name]


def _empty_variables(image: Image) -> list[str]:
    """Variables that the image names without a value: whoever runs it has to give one."""
    return [name for name, value in image.variables.items() if not value]


def _asked_for(scenarios: Sequence[mcp_types.Prompt]) -> list[str]:
    named = ((prompt.meta or {}).get("required_env_vars") or () for prompt in scenarios)
    return [str(name) for names in named for name in names]


def _plain(item: BaseModel) -> dict[str, Any]:
    described: dict[str, Any] = item.model_dump(mode="json", by_alias=True, exclude_none=True)
    return described


def _scenario(prompt: mcp_types.Prompt) -> dict[str, Any]:
    described = _plain(prompt)
    typed = described.pop("_meta", {}).get("arguments")
    return {**described, "arguments": typed or described.get("arguments") or []}

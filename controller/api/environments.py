"""Environments: what there is, what runs, and what it answers."""

from __future__ import annotations

from typing import Any

from controller.api.services import After, Name, PlatformDep, resource
from hud.wire.platform import (
    BuildRecord,
    EnvironmentRecord,
    EnvironmentVersion,
    LogPage,
    Offer,
    ScenarioAnswer,
    ScenarioPrompt,
    ScenarioSetup,
    ToolAnswer,
    ToolCall,
)

router = resource("environments")


@router.get("/environments")
async def list_environments(platform: PlatformDep) -> list[EnvironmentRecord]:
    """Every environment of the workspace, and those that were only deployed."""
    return await platform.workspace.list()


@router.get("/environments/{name}")
async def get_environment(platform: PlatformDep, name: Name) -> EnvironmentRecord:
    """One environment."""
    return await platform.workspace.get(name)


@router.delete("/environments/{name}", status_code=204)
async def remove_environment(platform: PlatformDep, name: Name) -> None:
    """Forget a deployed environment and its versions; a folder of the workspace stays."""
    await platform.workspace.remove(name)


@router.post("/environments/{name}/start", status_code=202)
async def start_environment(platform: PlatformDep, name: Name) -> EnvironmentRecord:
    """Serve an environment; it says itself when it is running."""
    return await platform.workspace.start(name)


@router.post("/environments/{name}/stop", status_code=202)
async def stop_environment(platform: PlatformDep, name: Name) -> EnvironmentRecord:
    """Serve an environment no longer."""
    return await platform.workspace.stop(name)


@router.post("/environments/{name}/rebuild", status_code=202)
async def rebuild_environment(
    platform: PlatformDep, name: Name, no_cache: bool = False
) -> BuildRecord:
    """Build an environment's image again and start anew."""
    return await platform.workspace.rebuild(name, no_cache=no_cache)


@router.post("/environments/{name}/choose")
async def choose_environment(platform: PlatformDep, name: Name) -> EnvironmentRecord:
    """Let `/mcp` lead to this environment."""
    return await platform.workspace.choose(name)


@router.get("/environments/{name}/offer")
async def get_offer(platform: PlatformDep, name: Name) -> Offer:
    """The tools, scenarios and resources of a running environment."""
    return await platform.workspace.offer(name)


@router.post("/environments/{name}/tools/{tool:path}")
async def call_tool(platform: PlatformDep, name: Name, tool: Name, call: ToolCall) -> ToolAnswer:
    """Call a tool of a running environment."""
    return await platform.workspace.call_tool(name, tool, call.arguments)


@router.post("/environments/{name}/scenarios/{scenario:path}/setup")
async def set_up_scenario(
    platform: PlatformDep, name: Name, scenario: Name, setup: ScenarioSetup
) -> ScenarioPrompt:
    """Start a scenario of a running environment."""
    return await platform.workspace.setup(name, scenario, setup.args)


@router.post("/environments/{name}/scenarios/{scenario:path}/grade")
async def grade_scenario(
    platform: PlatformDep, name: Name, scenario: Name, answer: ScenarioAnswer
) -> dict[str, Any]:
    """End a scenario that was started: the reward and what belongs to it."""
    return await platform.workspace.grade(name, scenario, answer.play, answer.answer)


@router.get("/environments/{name}/log")
async def get_log(platform: PlatformDep, name: Name, after: After = 0) -> LogPage:
    """What an environment printed."""
    return await platform.workspace.log(name, after)


@router.get("/environments/{name}/versions")
async def list_versions(platform: PlatformDep, name: Name) -> list[EnvironmentVersion]:
    """The registered versions of an environment."""
    return await platform.store.versions(name)


@router.get("/registry/{org}/{name}")
async def resolve_environment(platform: PlatformDep, org: Name, name: Name) -> EnvironmentRecord:
    """The environment that `connect_hub("org/name")` means; there is one registry, whatever the
    organisation is called.
    """
    return await platform.deployments.resolve(f"{org}/{name}")

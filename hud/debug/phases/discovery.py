"""Phase 3: what the server offers can be listed, and providers can take it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Iterator
from typing import TypeVar

import mcp_types
from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]
from jsonschema.validators import validator_for  # type: ignore[import-untyped]
from pydantic import ValidationError

from hud.debug.evidence import Kind
from hud.debug.examination import Examination, Passed
from hud.debug.targets.target import CheckFailure

T = TypeVar("T")

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""Tool names that every provider takes."""


async def discover(examination: Examination) -> Passed:
    """Tools have valid schemas and safe names; there is a tool or a scenario; every scenario can be
    graded.
    """
    connection = examination.link.session.connection
    tools = await _listed("tools", connection.list_tools())
    prompts = await _listed("prompts", connection.list_prompts())
    resources = await _listed("resources", connection.list_resources())
    scenarios = scenarios_among(prompts)
    if not tools and not scenarios:
        raise CheckFailure(
            "the server offers neither tools nor scenarios", kind=Kind.NOTHING_OFFERED
        )
    _check_names(tools)
    for tool in tools:
        _check_schema(tool)
    examination.tools, examination.scenarios = tools, scenarios
    told = f"{count(len(tools), 'tool')}, {count(len(scenarios), 'scenario')}"
    return Passed(
        notes=(told,), warnings=(*_undescribed(tools, scenarios), *_ungraded(scenarios, resources))
    )


async def _listed(what: str, listing: Awaitable[list[T]]) -> list[T]:
    try:
        return await listing
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        told = f"the list of {what} is not MCP's: {where}: {first['msg']}"
        raise CheckFailure(told, kind=Kind.TOOL_SCHEMA if what == "tools" else None) from exc


def scenarios_among(prompts: list[mcp_types.Prompt]) -> list[mcp_types.Prompt]:
    """The prompts that are scenarios: those whose names are `{environment}:{scenario}`."""
    return [prompt for prompt in prompts if ":" in prompt.name]


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _check_names(tools: list[mcp_types.Tool]) -> None:
    for name, times in Counter(tool.name for tool in tools).items():
        if times > 1:
            raise CheckFailure(f"{times} tools are called `{name}`", kind=Kind.TOOL_NAME)
        if not NAME.fullmatch(name):
            raise CheckFailure(f"no provider takes a tool called {name!r}", kind=Kind.TOOL_NAME)


def _check_schema(tool: mcp_types.Tool) -> None:
    schema = tool.input_schema
    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as exc:
        told = f"the input schema of `{tool.name}` is no JSON Schema: {exc.message}"
        raise CheckFailure(told, kind=Kind.TOOL_SCHEMA) from exc


def _undescribed(tools: list[mcp_types.Tool], scenarios: list[mcp_types.Prompt]) -> Iterator[str]:
    names = [tool.name for tool in tools if not (tool.description or "").strip()]
    if names:
        yield f"without a description: {', '.join(f'`{name}`' for name in names)}"
    silent = [prompt.name for prompt in scenarios if not (prompt.description or "").strip()]
    if silent and len(silent) < len(scenarios):
        yield f"scenarios without a description: {', '.join(f'`{name}`' for name in silent)}"


def _ungraded(
    scenarios: list[mcp_types.Prompt], resources: list[mcp_types.Resource]
) -> Iterator[str]:
    uris = {str(resource.uri) for resource in resources}
    for prompt in scenarios:
        if prompt.name not in uris:
            yield f"scenario `{prompt.name}` lists no resource by which it is graded"

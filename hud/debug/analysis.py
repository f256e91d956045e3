"""What an environment offers: tools, scenarios, resources and prompts, as data and as Markdown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import mcp_types
from pydantic import BaseModel

from hud.debug.evidence import Kind
from hud.debug.examination import Examination, Options
from hud.debug.phases.discovery import scenarios_among
from hud.debug.phases.scenarios import schema_of
from hud.debug.targets.target import CheckFailure, Target
from hud.errors import ConnectionFailure


class Analysis(BaseModel):
    """What one environment offers."""

    target: str
    server: str
    """Name and version, as the server says them."""
    protocol: str
    """The protocol version that was agreed on."""
    instructions: str | None
    tools: list[dict[str, Any]]
    """Name, description, inputSchema, outputSchema and annotations."""
    scenarios: list[dict[str, Any]]
    """Name, description, and arguments as an object schema."""
    resources: list[dict[str, Any]]
    """URI, name, description and MIME type; those that grade scenarios are left out."""
    prompts: list[dict[str, Any]]
    """Name, description and arguments of the prompts that are no scenarios."""


async def analyze(target: Target, options: Options | None = None) -> Analysis:
    """Start a server of the target and list what it offers.

    Raises:
        CheckFailure, ConnectionFailure: it cannot be started, or does not answer.
    """
    chosen = options or Options()
    examination = Examination(target, chosen)
    try:
        await target.check()
        async with asyncio.timeout(chosen.start_seconds):
            await examination.start_main()
            await examination.connect_main()
            return await _listing(examination)
    except TimeoutError:
        told = f"`{target.name}` did not answer within {chosen.start_seconds:g} s"
        raise ConnectionFailure(told, hint=_hint(target)) from None
    except (CheckFailure, ConnectionFailure) as exc:
        is_named = f"`{target.name}`" in exc.message
        told = exc.message if is_named else f"`{target.name}`: {exc.message}"
        raise ConnectionFailure(told, hint=_hint(target, exc)) from exc
    finally:
        await examination.close()


def _hint(target: Target, failure: Exception | None = None) -> str:
    if isinstance(failure, CheckFailure) and failure.kind is Kind.NO_IMAGE:
        return "build it: hud build DIR; or name its module: hud analyze env:env"
    return "is its server up?" if target.kind == "url" else f"hud debug {target.name}"


async def _listing(examination: Examination) -> Analysis:
    session = examination.link.session
    tools = await session.connection.list_tools()
    prompts = await session.connection.list_prompts()
    resources = await session.connection.list_resources()
    scenarios = scenarios_among(prompts)
    names = {prompt.name for prompt in scenarios}
    info = session.client.server_info
    return Analysis(
        target=examination.target.name,
        server=f"{info.name} {info.version}".strip() if info is not None else "",
        protocol=session.version,
        instructions=session.client.instructions,
        tools=[_plain(tool) for tool in tools],
        scenarios=[_scenario(prompt) for prompt in scenarios],
        resources=[_plain(resource) for resource in resources if str(resource.uri) not in names],
        prompts=[_plain(prompt) for prompt in prompts if prompt.name not in names],
    )


def _plain(item: BaseModel) -> dict[str, Any]:
    return item.model_dump(mode="json", by_alias=True, exclude_none=True)


def _scenario(prompt: mcp_types.Prompt) -> dict[str, Any]:
    described = {"description": prompt.description} if prompt.description else {}
    return {"name": prompt.name, **described, "arguments": schema_of(prompt)}


def as_markdown(analysis: Analysis) -> str:
    """The analysis for a reader."""
    return "\n".join(_lines(analysis))


def _lines(analysis: Analysis) -> Iterator[str]:
    yield f"# {analysis.server or analysis.target}"
    yield ""
    yield f"`{analysis.target}`, MCP {analysis.protocol}"
    if analysis.instructions:
        yield from ("", analysis.instructions)
    yield from _section("Tools", [_tool_lines(tool) for tool in analysis.tools])
    yield from _section("Scenarios", [_scenario_lines(item) for item in analysis.scenarios])
    yield from _section("Resources", [_entry(item.get("uri"), item) for item in analysis.resources])
    yield from _section("Prompts", [_entry(item["name"], item) for item in analysis.prompts])


def _section(title: str, entries: list[list[str]]) -> Iterator[str]:
    if entries:
        yield from ("", f"## {title} ({len(entries)})", "")
    for entry in entries:
        yield from entry


def _entry(name: Any, item: dict[str, Any]) -> list[str]:
    described = " ".join(str(item.get("description") or "").split())
    return [f"- `{name}`{f': {described}' if described else ''}"]


def _tool_lines(tool: dict[str, Any]) -> list[str]:
    return [*_entry(tool["name"], tool), *_argument_lines(tool.get("inputSchema") or {})]


def _scenario_lines(scenario: dict[str, Any]) -> list[str]:
    return [*_entry(scenario["name"], scenario), *_argument_lines(scenario["arguments"])]


def _argument_lines(schema: dict[str, Any]) -> list[str]:
    required = schema.get("required") or ()
    return [
        f"  - `{name}` {_kind(field)}, {_need(field, name in required)}{_about(field)}"
        for name, field in (schema.get("properties") or {}).items()
    ]


def _kind(field: dict[str, Any]) -> str:
    """A field's type in a word or two."""
    if "enum" in field:
        return "one of " + ", ".join(
            json.dumps(value, ensure_ascii=False) for value in field["enum"]
        )
    branches = field.get("anyOf") or field.get("oneOf") or ()
    if branches:
        return " or ".join(dict.fromkeys(_kind(branch) for branch in branches))
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    kind = field.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _need(field: dict[str, Any], required: bool) -> str:
    if "default" in field:
        return f"default {json.dumps(field['default'], ensure_ascii=False)}"
    return "required" if required else "optional"


def _about(field: dict[str, Any]) -> str:
    described = " ".join(str(field.get("description") or "").split())
    return f": {described}" if described else ""

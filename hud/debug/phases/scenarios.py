"""Phase 5: every scenario is set up, answered with nothing, and graded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types
from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]
from jsonschema.validators import validator_for  # type: ignore[import-untyped]

from hud.debug.evidence import Kind
from hud.debug.examination import Examination, Link, Passed, Played
from hud.debug.phases.discovery import count
from hud.debug.samples import NoSample, Sample, sample_arguments
from hud.debug.targets.target import CheckFailure
from hud.environment.session import RemoteRun
from hud.errors import EnvironmentFailure, HudError

SHOWN = 200


@dataclass(frozen=True)
class Skipped(Exception):
    """A scenario that cannot be played, and why."""

    why: str


async def play_scenarios(examination: Examination) -> Passed:
    """Scenarios set up and grade; what nobody has arguments for is skipped, with its reason."""
    skipped: list[str] = []
    warnings: list[str] = []
    failures: list[CheckFailure] = []
    for prompt in examination.scenarios:
        try:
            warnings += await _play(examination, prompt)
        except Skipped as exc:
            skipped.append(f"{prompt.name} skipped: {exc.why}")
        except CheckFailure as exc:
            failures.append(exc)
            if not await examination.link.server.is_running():
                break
    if failures:
        raise _first_of(failures)
    played = count(len(examination.played), "scenario")
    return Passed((f"{played} set up and graded", *skipped), tuple(warnings))


def _first_of(failures: list[CheckFailure]) -> CheckFailure:
    first, others = failures[0], failures[1:]
    if not others:
        return first
    told = f"{first.message} (and {count(len(others), 'other scenario')})"
    detail = "\n".join([first.detail or "", *(other.message for other in others)]).strip()
    return CheckFailure(told, kind=first.kind, detail=detail)


async def _play(examination: Examination, prompt: mcp_types.Prompt) -> list[str]:
    """Play one scenario; returns warnings.

    Raises:
        Skipped: no arguments fit it.
        CheckFailure: it is broken.
    """
    sample = arguments_for(prompt, examination.options.arguments)
    link = examination.link
    try:
        text = await set_up(examination, link, prompt, sample.arguments)
        reward = await grade(examination, link, prompt)
    except CheckFailure as exc:
        if not await _is_excused(exc, sample, link):
            raise
        raise Skipped(f"{_told(sample)} do not fit it: {exc.message[:SHOWN]}") from exc
    examination.played.append(Played(prompt, sample.arguments, text))
    if not 0.0 <= reward <= 1.0:
        told = f"scenario `{prompt.name}` gave an empty answer {reward:g}, outside [0, 1]"
        raise CheckFailure(told, kind=Kind.REWARD)
    full = f"scenario `{prompt.name}` gave the full reward to an empty answer"
    return [full] if reward == 1.0 else []


async def _is_excused(failure: CheckFailure, sample: Sample, link: Link) -> bool:
    """Whether the made-up arguments may be to blame."""
    refused = bool(sample.invented) and failure.kind in (Kind.SETUP, Kind.GRADING)
    return refused and await link.server.is_running()


def _told(sample: Sample) -> str:
    given = ", ".join(f"{name}={sample.arguments[name]!r}" for name in sample.invented)
    return f"made-up arguments ({given[:SHOWN]})"


def arguments_for(prompt: mcp_types.Prompt, given: Mapping[str, Mapping[str, Any]]) -> Sample:
    """Arguments for a scenario: those that were given for it, else examples, else made up.

    Raises:
        Skipped: some cannot be made up.
    """
    name = prompt.name.rpartition(":")[2]
    if name in given:
        return Sample(dict(given[name]))
    if (prompt.meta or {}).get("chat"):
        raise Skipped("it is a chat, and needs a conversation")
    schema = schema_of(prompt)
    try:
        validator_for(schema).check_schema(schema)
        return sample_arguments(schema)
    except NoSample as exc:
        raise Skipped(str(exc)) from exc
    except SchemaError as exc:
        raise Skipped(f"its arguments have no JSON Schema: {exc.message}") from exc


def schema_of(prompt: mcp_types.Prompt) -> dict[str, Any]:
    """A scenario's arguments as an object schema: typed where the server says so, else strings."""
    declared = (prompt.meta or {}).get("arguments")
    if not isinstance(declared, list) or not all(_is_declaration(item) for item in declared):
        names = {item.name: {"type": "string"} for item in prompt.arguments or ()}
        required = [item.name for item in prompt.arguments or () if item.required]
        return {"type": "object", "properties": names, "required": required}
    return {
        "type": "object",
        "properties": {item["name"]: _field(item) for item in declared},
        "required": [item["name"] for item in declared if item.get("required")],
        "$defs": {
            name: definition
            for item in declared
            for name, definition in (_field(item).get("$defs") or {}).items()
        },
    }


def _is_declaration(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("name"), str)


def _field(declared: Mapping[str, Any]) -> dict[str, Any]:
    schema = declared.get("inputSchema")
    field = dict(schema) if isinstance(schema, dict) else {"type": declared.get("type", "string")}
    return field | ({"default": declared["default"]} if "default" in declared else {})


async def set_up(
    examination: Examination, link: Link, prompt: mcp_types.Prompt, arguments: Mapping[str, Any]
) -> str:
    """Set a scenario up; returns the text of its prompt.

    Raises:
        CheckFailure: it failed, took too long, or gave no prompt.
    """
    what = f"scenario `{prompt.name}`"
    seconds = examination.options.call_seconds
    try:
        async with asyncio.timeout(seconds):
            result = await link.session.connection.get_prompt(prompt.name, arguments)
    except TimeoutError:
        raise CheckFailure(f"{what} was not set up within {seconds:g} s", kind=Kind.HANGS) from None
    except HudError as exc:
        kind = Kind.SETUP if isinstance(exc, EnvironmentFailure) else None
        raise CheckFailure(exc.message, kind=kind, detail=exc.detail) from exc
    if not result.messages:
        raise CheckFailure(f"{what} gave no prompt", kind=Kind.SETUP)
    return "\n".join(_text(message.content) for message in result.messages)


def _text(content: mcp_types.ContentBlock) -> str:
    return content.text if isinstance(content, mcp_types.TextContent) else f"[{content.type}]"


async def grade(examination: Examination, link: Link, prompt: mcp_types.Prompt) -> float:
    """The reward that the scenario under way gives to an empty answer.

    Raises:
        CheckFailure: grading failed, took too long, or gave no finite number.
    """
    run = RemoteRun(link.session.connection, prompt)
    run.answer = ""
    seconds = examination.options.call_seconds
    try:
        async with asyncio.timeout(seconds):
            return (await run.grade()).reward
    except TimeoutError:
        told = f"scenario `{prompt.name}` was not graded within {seconds:g} s"
        raise CheckFailure(told, kind=Kind.HANGS) from None
    except HudError as exc:
        kind = Kind.GRADING if isinstance(exc, EnvironmentFailure) else None
        raise CheckFailure(exc.message, kind=kind, detail=exc.detail) from exc

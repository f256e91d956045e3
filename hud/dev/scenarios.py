"""Playing scenarios of a running server: a scenario is a prompt (its setup) and a resource (its
grade) of one name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hud.dev.caller import Caller, Json
from hud.errors import ConnectionFailure, GradingFailure, UserError, did_you_mean

TYPED_ARGUMENTS = "hud/arguments"
"""Key of a prompt request's `_meta` that carries the arguments in their JSON types."""
SUBMIT_TOOL = "_hud_submit"
MOST_PAGES = 1000


@dataclass(frozen=True)
class ScenarioInfo:
    """A scenario that a server offers."""

    full_name: str
    """`{environment}:{scenario}`."""
    description: str
    arguments: tuple[str, ...]
    """Names; those that may be left out end in `?`."""

    @property
    def name(self) -> str:
        """Its name without the environment's."""
        return self.full_name.rpartition(":")[2]

    @property
    def signature(self) -> str:
        """Its name with its arguments."""
        return f"{self.name}({', '.join(self.arguments)})"


def list_all(caller: Caller, method: str, key: str) -> list[Json]:
    """All entries of a list that may come in pages.

    Raises:
        ConnectionFailure: the pages do not end.
    """
    entries: list[Json] = []
    params: Json = {}
    for _ in range(MOST_PAGES):
        page = caller.ask(method, params)
        entries += [entry for entry in page.get(key) or [] if isinstance(entry, dict)]
        if not isinstance(cursor := page.get("nextCursor"), str):
            return entries
        params = {"cursor": cursor}
    raise ConnectionFailure(f"`{method}` of {caller.url} does not end")


def list_scenarios(caller: Caller) -> list[ScenarioInfo]:
    """The scenarios that the server offers."""
    graded = {entry.get("uri") for entry in list_all(caller, "resources/list", "resources")}
    return [
        ScenarioInfo(
            str(prompt["name"]), str(prompt.get("description") or ""), tuple(_arguments(prompt))
        )
        for prompt in list_all(caller, "prompts/list", "prompts")
        if prompt.get("name") in graded
    ]


def _arguments(prompt: Json) -> list[str]:
    return [
        f"{argument.get('name')}{'' if argument.get('required') else '?'}"
        for argument in prompt.get("arguments") or []
    ]


def find_scenario(caller: Caller, name: str) -> ScenarioInfo:
    """The scenario of that name, full or short.

    Raises:
        UserError: there is none.
    """
    known = list_scenarios(caller)
    for scenario in known:
        if name in (scenario.full_name, scenario.name):
            return scenario
    hint = did_you_mean(name, [scenario.name for scenario in known])
    raise UserError(f"there is no scenario `{name}` at {caller.url}", hint=hint)


def set_up(caller: Caller, name: str, arguments: Mapping[str, Any]) -> str:
    """Set a scenario up in the caller's session; the text of its prompt.

    Raises:
        UserError: there is no such scenario.
        SetupFailure: it could not be set up.
    """
    texts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in arguments.items()
    }
    result = caller.ask(
        "prompts/get",
        {
            "name": find_scenario(caller, name).full_name,
            "arguments": texts,
            "_meta": {TYPED_ARGUMENTS: dict(arguments)},
        },
    )
    blocks = [message.get("content", {}) for message in result.get("messages", [])]
    return "\n".join(str(block["text"]) for block in blocks if block.get("type") == "text")


def grade(caller: Caller, name: str, answer: str | None) -> Json:
    """Grade the scenario that was set up in the caller's session, after submitting an answer if
    there is one.

    Raises:
        UserError: there is no such scenario.
        GradingFailure: it was not set up, refused the answer, or could not be graded.
    """
    full_name = find_scenario(caller, name).full_name
    if answer is not None:
        arguments = {"scenario": full_name, "answer": answer}
        submitted = caller.ask("tools/call", {"name": SUBMIT_TOOL, "arguments": arguments})
        if submitted.get("isError"):
            raise GradingFailure(text_of(submitted), hint=f"hud scenario setup {name}")
    contents = caller.ask("resources/read", {"uri": full_name}).get("contents") or [{}]
    try:
        result: Json = json.loads(contents[0].get("text", ""))
    except ValueError:
        raise GradingFailure(f"scenario `{full_name}` returned no grade") from None
    return result


def text_of(result: Json) -> str:
    """The text blocks of a tool's result; other blocks are named by their kind."""
    return "\n".join(
        str(block["text"]) if block.get("type") == "text" else f"[{block.get('type')}]"
        for block in result.get("content") or []
    )

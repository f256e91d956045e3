"""Python that does what v4 tasks do, to start a migration from.

1. Tasks with the same servers share an environment; those that call the same tools a scenario.
2. The prompt is an argument of the scenario, and so is what its calls do not have in common.
3. Setup calls come before the first yield, evaluate calls after it.
4. What a setup call returns is not appended to the prompt, even where the v4 task asked for it.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pprint import pformat
from typing import Any

from hud.errors import UserError

HEADER = '''"""Scenarios and tasks made from v4 tasks."""

from typing import Any

from hud import Environment
from hud.convert.v4 import fill_in, find_reward
'''
SETUP, EVALUATE = "setup_tool", "evaluate_tool"
TYPES = ("bool", "dict", "float", "int", "list", "str")
RESERVED = frozenset({"Any", "Environment", "env", "fill_in", "find_reward", "sum", "tasks"})
"""Names that the module itself uses."""
BESIDE_ARGUMENTS = ("id", "slug", "columns", "validation", "agent_config", "metadata")


@dataclass
class Parameters:
    """The parameters of one scenario: the value of each for each of its tasks."""

    values: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, tool: str, name: str, values: list[Any]) -> str:
        """Take up a parameter of a tool; returns the name that it gets."""
        taken = {*RESERVED, *self.values}
        first, second = _identifier(name), _identifier(f"{tool}_{name}")
        free = first if first not in taken else _unused(second, taken)
        self.values[free] = values
        return free

    def signature(self) -> str:
        return ", ".join(f"{name}: {_type(values)}" for name, values in self.values.items())

    def arguments(self, position: int) -> str:
        """The arguments of the task at this position, as they are written in a call."""
        return ", ".join(f"{name}={values[position]!r}" for name, values in self.values.items())


def scaffold(tasks: list[dict[str, Any]], name: str) -> str:
    """A Python module with an environment called `name`, scenarios and tasks.

    `tasks` is v5 JSON as it was made from v4 tasks.

    Raises:
        UserError: a task is not made from a v4 task.
    """
    for position, task in enumerate(tasks):
        if "mcp_config" not in (task.get("args") or {}):
            raise UserError(f"item {position} is a v5 task: it has its scenario already")
    names: list[str] = []
    parts = [HEADER]
    groups = _grouped(tasks, lambda task: task["args"]["mcp_config"])
    for number, group in enumerate(groups, start=1):
        variable, title = ("env", name) if number == 1 else (f"env{number}", f"{name}-{number}")
        parts.append(_environment(variable, title, group[0]["args"]["mcp_config"]))
        for played in _grouped(group, lambda task: (_tools(task, SETUP), _tools(task, EVALUATE))):
            called = _identifier("_".join(_all_tools(played[0])))
            names.append(_unused(called, {*RESERVED, *names}))
            parts.append(_scenario(played, variable, names[-1]))
    listed = " + ".join(f"{item}_tasks" for item in names)
    return "\n".join([*parts, f"tasks = {listed}\n"])


def _environment(variable: str, name: str, mcp_config: dict[str, Any]) -> str:
    config = pformat(mcp_config, width=90, sort_dicts=False)
    return (
        f"{variable} = Environment({name!r})\n{variable}.connect_mcp_config(fill_in({config}))\n\n"
    )


def _scenario(tasks: list[dict[str, Any]], env: str, name: str) -> str:
    parameters = Parameters({"prompt": [task["args"]["prompt"] for task in tasks]})
    setup = list(_calls(tasks, SETUP, env, parameters))
    evaluate = list(_calls(tasks, EVALUATE, env, parameters))
    rewards = ", ".join(f"find_reward({call})" for call in evaluate)
    mean = rewards if len(evaluate) == 1 else f"sum([{rewards}]) / {len(evaluate)}"
    body = "\n    ".join([*setup, "yield prompt", f"yield {mean}"])
    made = "".join(f"    {_task(task, name, parameters, at)},\n" for at, task in enumerate(tasks))
    return (
        f"@{env}.scenario({name.replace('_', '-')!r}, exclude_tools={_all_tools(tasks[0])!r})\n"
        f"async def {name}({parameters.signature()}):\n    {body}\n\n\n"
        f"{name}_tasks = [\n{made}]\n"
    )


def _task(task: dict[str, Any], scenario: str, parameters: Parameters, position: int) -> str:
    beside = ", ".join(f"{key}={task[key]!r}" for key in BESIDE_ARGUMENTS if key in task)
    made = f"{scenario}.task({parameters.arguments(position)})"
    return f"{made}.copy({beside})" if beside else made


def _calls(
    tasks: list[dict[str, Any]], phase: str, env: str, parameters: Parameters
) -> Iterator[str]:
    """The calls of a phase as Python, with a parameter for each argument that tasks differ in."""
    for calls in zip(*(task["args"].get(phase, []) for task in tasks), strict=True):
        tool, given = calls[0]["name"], [call["arguments"] for call in calls]
        written = [repr(tool)]
        if all(item.keys() == given[0].keys() and all(map(_is_name, item)) for item in given):
            columns = {key: [item[key] for item in given] for key in given[0]}
            written += [f"{key}={_value(tool, key, columns[key], parameters)}" for key in columns]
        else:
            written.append(f"**{_value(tool, 'arguments', given, parameters)}")
        yield f"await {env}.call_tool({', '.join(written)})"


def _value(tool: str, name: str, values: list[Any], parameters: Parameters) -> str:
    first = repr(values[0])
    if all(repr(value) == first for value in values):
        return first
    return parameters.add(tool, name, values)


def _grouped(
    tasks: list[dict[str, Any]], key: Callable[[dict[str, Any]], Any]
) -> list[list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        groups.setdefault(json.dumps(key(task)), []).append(task)
    return list(groups.values())


def _tools(task: dict[str, Any], phase: str) -> list[str]:
    return [call["name"] for call in task["args"].get(phase, [])]


def _all_tools(task: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys([*_tools(task, SETUP), *_tools(task, EVALUATE)]))


def _type(values: list[Any]) -> str:
    kinds = {type(value).__name__ for value in values}
    return kinds.pop() if len(kinds) == 1 and kinds < set(TYPES) else "Any"


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _identifier(text: str) -> str:
    name = re.sub(r"\W+", "_", text).strip("_") or "scenario"
    return name if _is_name(name) else f"scenario_{name}"


def _unused(name: str, taken: set[str]) -> str:
    return name if name not in taken else _unused(f"{name}_", taken)

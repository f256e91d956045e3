"""A scenario as a tool: calling it lets another agent play the scenario, and returns its answer."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import mcp_types

from hud.errors import ToolError, UserError
from hud.task import Task
from hud.tools.tool import BaseTool
from hud.types import MCPToolResult, ToolDeclaration

AGENTS = "hud.agents.catalog"
"""The named door to the agents, which are beside the tools and not below them."""


class AgentTool(BaseTool):
    """Lets an agent play a scenario; add it to another environment, or to the scenario's own.

    The tool takes the scenario's parameters, but not those that the task has fixed, nor those
    declared as `X | None = None`: they are for evaluation.
    """

    def __init__(
        self,
        task: Task,
        *,
        model: str | None = None,
        agent: Any = None,
        agent_params: Mapping[str, Any] | None = None,
        **described: Any,
    ) -> None:
        """Make a tool of a task such as `env("scenario")`.

        `model` is an agent's or a model's name, `agent` an agent or a class of agents; exactly one
        is given. `agent_params` are the options of its `create`, and `max_steps`. `described`:
        name, title, description, meta, `max_steps` too, and `trace`, which published code passes:
        the agent's steps are in the result's `_meta` anyway.

        Raises:
            UserError: the scenario is unknown, or not exactly one of `model` and `agent` is given.
        """
        if (model is None) == (agent is None):
            raise UserError(
                "AgentTool takes either `model` or `agent`", hint='AgentTool(task, model="…")'
            )
        described.pop("trace", None)
        max_steps = described.pop("max_steps", 10)
        self.task = task
        scenario = _scenario_of(task)
        self._parameters = _visible(scenario, task.args or {})
        name = described.pop("name", None) or task.scenario_name
        about = described.pop("description", None) or scenario.description
        about = about or scenario.arguments.documentation.description
        super().__init__(name=name, description=about or f"Run the scenario `{name}`", **described)
        self._player = model or agent
        self._options = dict(agent_params or {})
        self._max_steps = int(self._options.pop("max_steps", max_steps))

    @property
    def mcp(self) -> ToolDeclaration:
        """The tool as an environment takes it."""

        async def play(**arguments: Any) -> Any:
            return await self._run(**arguments)

        vars(play)["__signature__"] = inspect.Signature(self._parameters)
        play.__annotations__ = {item.name: item.annotation for item in self._parameters}
        return ToolDeclaration(play, self.name, self.title, self.description, self.meta or None)

    async def __call__(self, **arguments: Any) -> MCPToolResult:
        """Play the scenario with those arguments; the agent's answer is the text.

        Raises:
            ToolError: the agent failed, or did not answer.
        """
        task = self.task.copy(args={**(self.task.args or {}), **arguments})
        trace = await task.run(self._agent(), max_steps=self._max_steps)
        if trace.isError:
            raise ToolError(
                f"the agent that plays `{self.task.scenario_name}` failed: {trace.error}"
            )
        if trace.content is None:
            raise ToolError(f"the agent that plays `{self.task.scenario_name}` gave no answer")
        steps = [step.model_dump(mode="json", exclude_none=True) for step in trace.steps]
        text = mcp_types.TextContent(text=trace.content)
        return MCPToolResult(content=[text], _meta={"hud/steps": steps})

    def _agent(self) -> Any:
        if isinstance(self._player, str):
            return importlib.import_module(AGENTS).create_agent(self._player, **self._options)
        create = getattr(self._player, "create", None) if inspect.isclass(self._player) else None
        return create(**self._options) if create is not None else self._player


def _scenario_of(task: Task) -> Any:
    find = getattr(task.env, "find_scenario", None)
    scenario = find(task.scenario) if find and task.scenario else None
    if scenario is None:
        raise UserError(
            f"AgentTool needs a task of a scenario that is declared here, not `{task.scenario}`",
            hint='AgentTool(env("scenario"), model="…")',
        )
    return scenario


def _visible(scenario: Any, fixed: Mapping[str, Any]) -> list[inspect.Parameter]:
    """The scenario's parameters that a calling agent sees, their types evaluated."""
    hints = scenario.arguments.hints
    parameters = [
        parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=hints.get(name, Any))
        for name, parameter in scenario.arguments.parameters.items()
        if name not in fixed and not _is_for_evaluation(parameter, hints.get(name))
    ]
    return sorted(parameters, key=lambda item: item.default is not item.empty)


def _is_for_evaluation(parameter: inspect.Parameter, annotation: Any) -> bool:
    is_union = get_origin(annotation) in (Union, UnionType)
    return parameter.default is None and is_union and NoneType in get_args(annotation)

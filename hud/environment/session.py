"""One client's view of an environment: the tools it may use and the scenario that it plays.

`Connection` is what every runtime hands back; a `Session` is the one that needs no wire, and
servers and forked workers put it behind theirs.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import mcp_types
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from hud import camel
from hud.environment.arguments import ArgumentError
from hud.environment.prompt_arguments import decode_arguments, validate_arguments
from hud.environment.registry import error_result
from hud.environment.scenario_run import ScenarioRun, current_run
from hud.environment.scenarios import Scenario, ToolFilter
from hud.environment.tool_context import Context
from hud.errors import GradingFailure, HudError, SetupFailure, ToolError, UserError
from hud.types import EvaluationResult, MCPToolResult

if TYPE_CHECKING:
    from hud.environment.environment import Environment

logger = logging.getLogger(__name__)

SUBMIT_TOOL = "_hud_submit"
"""The hidden tool that takes an answer; v5's name."""

TYPED_ARGUMENTS = "hud/arguments"
"""Key of a prompt request's `_meta` that carries the arguments in their JSON types."""


class StringArguments(dict[str, str]):
    """Arguments as MCP's prompts carry them: strings, to be read by the types of the scenario's
    signature.
    """


class Connection(Protocol):
    """A connection to one running environment, in the terms of MCP."""

    async def list_tools(self) -> list[mcp_types.Tool]:
        """The tools that may be used now."""
        ...

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> MCPToolResult:
        """Call a tool; its failure is a result with `is_error`. Raises EnvironmentFailure if the
        environment is gone.
        """
        ...

    async def list_prompts(self) -> list[mcp_types.Prompt]:
        """The prompts, scenarios among them."""
        ...

    async def get_prompt(
        self, name: str, arguments: Mapping[str, Any]
    ) -> mcp_types.GetPromptResult:
        """Render a prompt; for a scenario, set it up. Raises SetupFailure."""
        ...

    async def list_resources(self) -> list[mcp_types.Resource]:
        """The resources, scenarios' grades among them."""
        ...

    async def read_resource(self, uri: str) -> mcp_types.ReadResourceResult:
        """Read a resource; for a scenario, grade it. Raises GradingFailure."""
        ...


class Run(Protocol):
    """A scenario under way, here or at a connected server."""

    name: str
    filter: ToolFilter
    answer: Any

    def variables(self) -> AbstractContextManager[None]:
        """Set the context variables that the scenario has set, while a tool runs."""
        ...

    async def grade(self) -> EvaluationResult:
        """Grade the answer. Raises GradingFailure."""
        ...

    async def close(self) -> None:
        """End the run; safe to call more than once."""
        ...


class RemoteRun:
    """A scenario under way at a connected server."""

    def __init__(self, connection: Connection, prompt: mcp_types.Prompt) -> None:
        self.connection = connection
        self.full_name = prompt.name
        self.name = prompt.name.rpartition(":")[2]
        self.filter = ToolFilter.declared(prompt.meta or {})
        self.answer: Any = None

    def variables(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def grade(self) -> EvaluationResult:
        if self.answer is not None:
            await self._submit()
        return parse_grade(await self.connection.read_resource(self.full_name), self.full_name)

    async def _submit(self) -> None:
        arguments = {"scenario": self.full_name, "answer": self.answer}
        submitted = await self.connection.call_tool(SUBMIT_TOOL, arguments)
        if submitted.is_error:
            raise GradingFailure(
                f"scenario `{self.full_name}` refused the answer: {submitted.text}"
            )

    async def close(self) -> None:
        """The server closes its side when the connection ends."""


def parse_grade(result: mcp_types.ReadResourceResult, name: str) -> EvaluationResult:
    """The grade in a scenario's resource.

    Raises:
        GradingFailure: it is no grade.
    """
    text = getattr(result.contents[0], "text", "") if result.contents else ""
    try:
        return EvaluationResult.model_validate_json(text)
    except ValidationError as exc:
        reason = exc.errors(include_url=False)[0]["msg"]
        raise GradingFailure(
            f"scenario `{name}` returned {text[:80]!r}, which is no grade: {reason}"
        ) from exc


class Session:
    """A `Connection` to an environment in this process, with at most one scenario under way."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.run: Run | None = None
        self.state: dict[str, Any] = {}
        """What tools keep for later calls of this session."""
        self.log_level: str | None = None
        """From which level on the client wants log messages; None until it says so."""

    async def list_tools(self) -> list[mcp_types.Tool]:
        return self.visible_tools()

    def visible_tools(self) -> list[mcp_types.Tool]:
        """The tools that the scenario under way leaves to the agent; hidden ones are never
        listed.
        """
        tools = self.env.tool_definitions()
        visible = [tool for tool in tools if not tool.name.startswith("_")]
        return [camel.tool(tool) for tool in visible if self._admits(tool.name)]

    def _admits(self, name: str) -> bool:
        if self.run is None or self.run is current_run.get():
            return True
        return self.run.filter.admits(name, self.env.source_of(name))

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> MCPToolResult:
        if name == SUBMIT_TOOL:
            return self._submit_call(arguments)
        if not self._admits(name):
            return error_result(f"Tool '{name}' is not available in this scenario")
        try:
            with self.run.variables() if self.run is not None else nullcontext():
                return await self.env.run_tool(name, arguments, Context(self))
        except ArgumentError as exc:
            return error_result(f"Input validation error: {exc.message}")
        except ToolError as exc:
            return error_result(f"Error calling tool '{name}': {exc.message}")
        except HudError:
            raise
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - the model is to see what failed
            traceback.print_exc(file=sys.stderr)
            return error_result(f"Error calling tool '{name}': {_in_full(exc)}")

    def _submit_call(self, arguments: Mapping[str, Any]) -> MCPToolResult:
        try:
            self.submit(arguments.get("answer"), scenario=arguments.get("scenario"))
        except UserError as exc:
            return error_result(exc.message)
        return MCPToolResult.model_validate({"content": [{"type": "text", "text": "submitted"}]})

    def submit(self, answer: Any, *, scenario: str | None = None) -> None:
        """Keep the answer for grading; exactly what was submitted reaches the scenario.

        Raises:
            UserError: no scenario is under way, or another one.
        """
        if self.run is None:
            raise UserError("no scenario is under way", hint="get the scenario's prompt first")
        name = (scenario or self.run.name).rpartition(":")[2]
        if name != self.run.name:
            raise UserError(f"the scenario under way is `{self.run.name}`, not `{name}`")
        self.run.answer = answer

    async def list_prompts(self) -> list[mcp_types.Prompt]:
        return self.env.prompt_definitions()

    async def get_prompt(
        self, name: str, arguments: Mapping[str, Any]
    ) -> mcp_types.GetPromptResult:
        scenario = self.env.find_scenario(name)
        if scenario is not None:
            messages = await self._setup(scenario, arguments)
            return mcp_types.GetPromptResult(
                messages=messages, _meta=scenario.definition(self.env.name).meta
            )
        remote = self.env.find_remote_prompt(name)
        if remote is None:
            return await self.env.render_prompt(name, arguments)
        opened, prompt = remote
        await self.close()
        result = await opened.connection.get_prompt(prompt.name, arguments)
        self.run = RemoteRun(opened.connection, prompt)
        return result

    async def _setup(
        self, scenario: Scenario, arguments: Mapping[str, Any]
    ) -> list[mcp_types.PromptMessage]:
        """Start a local scenario; one that was under way is closed first.

        Raises:
            SetupFailure: the arguments do not fit, or the scenario failed.
        """
        await self.close()
        for name in scenario.missing_variables():
            logger.warning("%s needs the variable %s, which is not set", scenario.what, name)
        typed = (
            decode_arguments(scenario, arguments)
            if isinstance(arguments, StringArguments)
            else arguments
        )
        try:
            validated = validate_arguments(scenario, typed)
        except ArgumentError as exc:
            raise SetupFailure(exc.message, hint=exc.hint) from exc
        run = ScenarioRun(scenario, validated)
        try:
            messages = await run.setup()
        except BaseException:
            await run.close()
            raise
        while self.run is not None:  # set up by another request meanwhile
            await self.close()
        self.run = run
        return messages

    async def list_resources(self) -> list[mcp_types.Resource]:
        return self.env.resource_definitions()

    async def read_resource(self, uri: str) -> mcp_types.ReadResourceResult:
        if not self._is_grade(uri):
            return await self.env.read_own_resource(uri)
        result = await self.grade(uri)
        try:
            text = result.model_dump_json(exclude_none=True)
        except PydanticSerializationError as exc:
            raise GradingFailure(f"the grade of `{uri}` cannot be written as JSON: {exc}") from exc
        contents = mcp_types.TextResourceContents(uri=uri, mime_type="application/json", text=text)
        return mcp_types.ReadResourceResult(contents=[contents])

    def _is_grade(self, uri: str) -> bool:
        is_remote = isinstance(self.run, RemoteRun) and uri in (self.run.full_name, self.run.name)
        return is_remote or self.env.find_scenario(uri) is not None

    async def grade(self, name: str) -> EvaluationResult:
        """Grade the scenario under way.

        Raises:
            GradingFailure: it is not the one under way, or its grading failed.
        """
        local = name.rpartition(":")[2]
        if self.run is None or self.run.name != local:
            raise GradingFailure(
                f"scenario `{local}` was not set up", hint="get the scenario's prompt first"
            )
        return await self.run.grade()

    async def close(self) -> None:
        """End the scenario under way, if any; its `finally` blocks have run when this returns."""
        run, self.run = self.run, None
        if run is not None:
            await run.close()


def _in_full(exc: BaseException) -> str:
    """An exception for a model to act on: every line of its text."""
    return f"{type(exc).__name__}: {exc}" if str(exc).strip() else type(exc).__name__

"""One rollout as the code that plays it sees it: the prompt, the tools, the answer, and afterwards
the reward.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import mcp_types

from hud import camel
from hud.environment.environment import Environment, text_of
from hud.environment.session import SUBMIT_TOOL, Connection, parse_grade
from hud.environment.toolbox import Toolbox
from hud.errors import GradingFailure, SetupFailure
from hud.formats import content
from hud.task import EnvConfig, Task, TaskAgentConfig, new_id
from hud.types import EvaluationResult, MCPToolCall, MCPToolResult, Trace, TraceStep


class EvalContext(Toolbox):
    """A rollout that has been set up. Play it with `prompt`, the `as_…` tools and `call_tool`, then
    `submit`.

    After the `async with hud.eval(...)` block `reward`, `evaluation_result` and `error` say how it
    ended.
    """

    def __init__(self, task: Task, connection: Connection, **identity: Any) -> None:
        """`identity`: job_id, group_id, index, variants, trace_id, eval_name."""
        self.task = task
        self.connection = connection
        self.trace = Trace(task=task)
        self.trace_id: str = identity.get("trace_id") or new_id()
        self.job_id: str | None = identity.get("job_id")
        self.group_id: str | None = identity.get("group_id")
        self.index: int = identity.get("index", 0)
        self.variants: dict[str, Any] = identity.get("variants") or {}
        self.eval_name: str = identity.get("eval_name") or task.key
        self.metadata: dict[str, Any] = dict(task.metadata)
        self.conversation: list[mcp_types.PromptMessage] = []
        self.answer: Any = None
        self.reward: float | None = None
        self.evaluation_result: EvaluationResult | None = None
        self.error: BaseException | None = None
        self.results: list[EvalContext] = []
        self.scenario_meta: dict[str, Any] = {}
        self.is_submitted = False
        self._agent_include = self.config.allowed_tools
        self._agent_exclude = self.config.disallowed_tools
        self._tools: list[mcp_types.Tool] = []
        self._scenario = task.scenario
        self._began = time.monotonic()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            what = f"{type(self).__name__!r} object has no attribute {name!r}"
            more = "; it is the environment's: use it there, before `hud.eval`"
            raise AttributeError(what + (more if hasattr(Environment, name) else ""))

    @property
    def prompt(self) -> str:
        """The text of the conversation so far; assigning to it replaces the conversation."""
        return text_of(self.conversation)

    @prompt.setter
    def prompt(self, text: str) -> None:
        content = mcp_types.TextContent(text=text)
        self.conversation = [mcp_types.PromptMessage(role="user", content=content)]

    @property
    def config(self) -> TaskAgentConfig:
        """What the task asks of the agent."""
        return self.task.agent_config or TaskAgentConfig()

    @property
    def system_prompt(self) -> str | None:
        """The task's system prompt."""
        return self.config.system_prompt

    @property
    def append_setup_output(self) -> bool:
        """Whether the task asks for its setup's output in the prompt."""
        return self.config.append_setup_output

    @property
    def setup_output(self) -> str | None:
        """What a v4 task's setup returned, where the task asks for it in the prompt."""
        return (text_of(self.conversation[1:]) or None) if self.append_setup_output else None

    @property
    def validation(self) -> list[MCPToolCall]:
        """The tool calls that solve the task, as far as its author gave them."""
        return self.task.validation or []

    @property
    def scenario_returns_schema(self) -> dict[str, Any] | None:
        """JSON schema of the answer, where the scenario declares one."""
        return self.scenario_meta.get("returns_schema")

    @property
    def scenario_enable_citations(self) -> bool:
        """Whether the scenario wants citations."""
        return bool(self.scenario_meta.get("enable_citations"))

    @property
    def has_scenario(self) -> bool:
        """Whether there is a scenario to set up and grade."""
        return self._scenario is not None

    @property
    def success(self) -> bool:
        """Whether the rollout was graded, without an error."""
        return self.error is None and self.reward is not None

    @property
    def headers(self) -> dict[str, str]:
        """Headers that tie a request to this rollout."""
        return {"Trace-Id": self.trace_id}

    def elapsed(self) -> float:
        """Seconds since the rollout began."""
        return time.monotonic() - self._began

    def log(self, metrics: Mapping[str, Any]) -> None:
        """Keep metrics of your own with the rollout."""
        self.trace.info.update(metrics)

    async def setup(self) -> None:
        """Set the scenario up and list the tools.

        Raises:
            SetupFailure: the scenario failed, or the task has no arguments.
        """
        if self._scenario is not None:
            if self.task.args is None:
                raise SetupFailure(f"task `{self.task.key}` is a template: it has no arguments")
            await self._get_prompt(self._scenario)
        await self.list_tools()

    async def _get_prompt(self, scenario: str) -> None:
        started = self.elapsed()
        arguments = self.task.args or {}
        result = await self.connection.get_prompt(scenario, arguments)
        self.conversation = result.messages
        self.scenario_meta = dict(result.meta or {})
        self._record("environment", "setup", started, request=arguments, result=self.prompt)

    @property
    def name(self) -> str:
        """The environment's name; empty without one."""
        return self.task.env_name or ""

    async def list_tools(self) -> list[mcp_types.Tool]:
        """As `as_tools`, after asking the environment anew."""
        self._tools = [camel.tool(tool) for tool in await self.connection.list_tools()]
        return self.as_tools()

    async def list_prompts(self) -> list[mcp_types.Prompt]:
        """The environment's scenarios and prompts."""
        return await self.connection.list_prompts()

    async def get_prompt(
        self, name: str, arguments: Mapping[str, Any] | None = None
    ) -> mcp_types.GetPromptResult:
        """Render a prompt; for a scenario, set it up in place of the one under way."""
        return await self.connection.get_prompt(name, arguments or {})

    async def list_resources(self) -> list[mcp_types.Resource]:
        """The environment's resources, scenarios' grades among them."""
        return await self.connection.list_resources()

    async def read_resource(self, uri: str) -> camel.ResourceContents:
        """Read a resource of the environment; what is returned is also the list of its contents."""
        return camel.contents(await self.connection.read_resource(str(uri)))

    def as_tools(self) -> list[mcp_types.Tool]:
        """The tools that the scenario and the task leave to the agent."""
        return [tool for tool in self._tools if self._offers(tool.name)]

    async def _call(self, call: MCPToolCall) -> MCPToolResult:
        started = self.elapsed()
        if call.name == SUBMIT_TOOL:
            await self.submit(call.arguments.get("answer"))
            return MCPToolResult.model_validate(
                {"content": [{"type": "text", "text": "submitted"}]}
            )
        result = await self._forward(call)
        self._record(
            "tool",
            call.name,
            started,
            request=call.arguments,
            result=result.model_dump(mode="json", by_alias=True, exclude_none=True),
            error=result.text if result.is_error else None,
        )
        return result

    async def _forward(self, call: MCPToolCall) -> MCPToolResult:
        if not self._offers(call.name):
            return content.failure(f"Tool '{call.name}' is not available in this task")
        return await self.connection.call_tool(call.name, call.arguments)

    def _offers(self, tool: str) -> bool:
        """Whether the task's environment and agent configuration admit a tool."""
        env = self.task.env
        if isinstance(env, EnvConfig) and not env.admits(tool):
            return False
        admitted = not self._agent_include or _matches(tool, self._agent_include)
        return admitted and not _matches(tool, self._agent_exclude or [])

    async def submit(self, answer: Any) -> None:
        """Give the answer; the last one counts."""
        self.answer = answer
        self.is_submitted = True
        self.trace.content = answer if isinstance(answer, str) or answer is None else str(answer)

    async def grade(self) -> EvaluationResult | None:
        """Hand in the answer and grade it; None if the task has no scenario.

        Raises:
            GradingFailure: the scenario failed, its reward is none, or a part of it is unknown.
        """
        if self._scenario is None:
            return None
        started = self.elapsed()
        name = self._scenario
        if self.answer is not None:
            submitted = await self.connection.call_tool(
                SUBMIT_TOOL, {"scenario": name, "answer": self._graded_answer()}
            )
            if submitted.is_error:
                raise GradingFailure(f"scenario `{name}` refused the answer: {submitted.text}")
        result = parse_grade(await self.connection.read_resource(name), name)
        self.evaluation_result = self.trace.evaluation_result = result
        self._record(
            "environment",
            "grade",
            started,
            request=self.answer,
            result=result.model_dump(mode="json"),
            error=result.ungraded,
        )
        if result.ungraded:
            raise GradingFailure(f"scenario `{name}` {result.ungraded}")
        self.reward = self.trace.reward = result.reward
        return result

    def _graded_answer(self) -> Any:
        """The answer as the scenario reads it: with its citations where it asks for them."""
        if not self.scenario_enable_citations or not isinstance(self.answer, str):
            return self.answer
        citations = [citation.model_dump(exclude_none=True) for citation in self.trace.citations]
        return {"content": self.answer, "citations": citations}

    def _record(self, kind: Any, name: str, started: float, **fields: Any) -> None:
        seconds = self.elapsed() - started
        self.trace.append(
            TraceStep(kind=kind, name=name, started=started, seconds=seconds, **fields)
        )


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)

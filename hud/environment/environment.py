"""The environment: an object that has tools, scenarios and connections. It composes; each part owns
its concept.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import mcp_types

from hud import camel
from hud.environment.connecting import Connecting, prefixed
from hud.environment.connections import ConflictResolution, OpenSource, Route, route
from hud.environment.declarations import Declarations
from hud.environment.dispatcher import Dispatcher
from hud.environment.mocks import MockCall, Mocks
from hud.environment.replica import stand_ins
from hud.environment.scenarios import Scenario, ScenarioFunction
from hud.environment.session import Session
from hud.environment.toolbox import Toolbox
from hud.errors import ToolError, UserError, did_you_mean, left_out
from hud.task import Task
from hud.types import EvaluationResult, MCPToolCall, MCPToolResult

if TYPE_CHECKING:
    from hud.services.chat import Chat

Function = Callable[..., Any]

LEFT_OUT = {
    "setup_tool": "set up in front of a scenario's first yield; v4 tasks keep their setup_tool",
    "evaluate_tool": "grade behind a scenario's first yield; v4 tasks keep their evaluate_tool",
    "to_config": "write tasks, which name their environment: save_tasks(path, tasks)",
}
"""What the original's environments had, and what to do instead."""

CHAT = "hud.services.chat"
"""The named door to conversations, which are above."""


class Environment(Declarations, Connecting, Toolbox):
    """Tools for an agent to use, scenarios that set up and grade, and connections to MCP servers.

    The name is normalised to lower case with hyphens. Declaring needs no event loop; `async with
    env:` connects and initializes, and leaving it shuts down.
    """

    def __init__(
        self,
        name: str = "environment",
        instructions: str | None = None,
        conflict_resolution: ConflictResolution | str = ConflictResolution.PREFIX,
        **options: Any,
    ) -> None:
        """Make an environment without tools; `options` that servers of the original took are
        accepted and kept; of these, `lifespan` runs around the environment's use.
        """
        Declarations.__init__(self)
        Connecting.__init__(self)
        self.name = normalise_name(name)
        self.instructions = instructions
        self.conflict_resolution = ConflictResolution(conflict_resolution)
        self.options = options
        if options.get("lifespan") is not None:
            self.lifecycle.make_lifespan = partial(options["lifespan"], self)
        self.mocks = Mocks()
        self._session = Session(self)
        self._found: dict[str, Route] = {}

    def __repr__(self) -> str:
        return (
            f"Environment({self.name!r}, {len(self.tools)} tools, {len(self.scenarios)} scenarios)"
        )

    def include_router(
        self, router: Environment, prefix: str | None = None, hidden: bool = False
    ) -> Environment:
        """Take over everything that `router` declares, tools and prompts under `{prefix}_{name}`.

        With `hidden`, its tools are offered as one tool named after the router that takes `name`
        and `arguments`, and the resource `{name}://functions` lists them.
        """
        if hidden:
            self._hide(router, prefix or router.name)
        else:
            for tool in router.tools.values():
                self.add_tool(tool.renamed(prefixed(prefix, tool.name)))
        for prompt in router.prompts.values():
            renamed = prompt.renamed(prefixed(prefix, prompt.name))
            self.prompts[renamed.name] = renamed
        self.scenarios.update(router.scenarios)
        self.resources.update(router.resources)
        self.routes.extend(router.routes)
        self.sources.extend(router.sources)
        self.lifecycle.initializers.extend(router.lifecycle.initializers)
        self.lifecycle.shutdowns.extend(router.lifecycle.shutdowns)
        return self

    def _hide(self, router: Environment, name: str) -> None:
        self.tools[name] = Dispatcher(name, router.tools, router.options)
        catalogue = self.resource(f"{name}://functions", mime_type="application/json")
        catalogue(partial(list, router.tools))

    def mount(self, server: Any, prefix: str | None = None) -> Environment:
        """Add another environment, a hub, or a server object of the MCP or FastMCP library."""
        if isinstance(server, Environment):
            return self.include_router(server, prefix)
        return self.connect_server(server, prefix=prefix)

    def mock(self, enable: bool = True) -> Environment:
        """Answer tool calls with mocks instead of running the tools; starts a fresh call log."""
        self.mocks.active = enable
        self.mocks.calls.clear()
        return self

    def unmock(self) -> Environment:
        """Run tools again."""
        return self.mock(False)

    def mock_tool(self, name: str, output: Any) -> Environment:
        """Set what a mocked tool returns: a value, or a callable of its arguments."""
        self.mocks.outputs[name] = output
        return self

    @property
    def is_mock(self) -> bool:
        """Whether tool calls are answered by mocks."""
        return self.mocks.active

    @property
    def mock_calls(self) -> list[MockCall]:
        """The calls that mocks answered, in order."""
        return self.mocks.calls

    def __call__(self, scenario: str | None = None, /, **args: Any) -> Task:
        """A task: the named scenario with these arguments, validated against its signature.

        Without any, where the scenario demands some, it is a template for what gives them later:
        `AgentTool`, `Chat`.

        Raises:
            UserError: there is no such scenario.
            ArgumentError: an argument is unknown, missing or of the wrong type.
        """
        if scenario is None:
            return Task(env=self, args={})
        found = self.find_scenario(scenario)
        if found is not None and not args and found.arguments.schema.get("required"):
            return Task(env=self, scenario=found.name)
        return self.make_task(scenario, args)

    def chat(self, scenario: str, /, *, model: Any, **options: Any) -> Chat:
        """A conversation over a scenario that takes `messages`; `options` as for
        `hud.services.Chat`.

        Raises:
            UserError: there is no such scenario, or it takes no `messages`.
        """
        if not (self.sources or self.find_scenario(scenario)):
            self.make_task(scenario, {})
        made: Chat = import_module(CHAT).Chat(
            Task(env=self, scenario=scenario, args={}), model=model, **options
        )
        return made

    def make_task(self, name: str, arguments: Mapping[str, Any]) -> Task:
        """See `__call__`. Scenarios of connected servers are known, and checked, only once
        connected; so are those of an environment whose initialize hook declares them all.
        """
        scenario = self.find_scenario(name)
        is_told_later = self.sources or (self.lifecycle.initializers and not self.scenarios)
        if scenario is None and not is_told_later:
            known = did_you_mean(name, self.scenarios)
            raise UserError(f"environment `{self.name}` has no scenario `{name}`", hint=known)
        args = dict(arguments) if scenario is None else scenario.arguments.to_json(arguments)
        return Task(env=self, scenario=name if scenario is None else scenario.name, args=args)

    def find_scenario(self, name: str) -> Scenario | None:
        """The scenario called `name` or `{env}:{name}`, or None.

        A foreign prefix means a connected server; without connections it is taken for an alias of
        this environment.
        """
        prefix, colon, local = name.rpartition(":")
        if colon and self.sources and normalise_name(prefix) != self.name:
            return None
        return self.scenarios.get(local)

    async def __aenter__(self) -> Environment:
        """Connect and initialize; the first of several users does the work.

        Raises:
            ConnectionFailure: a server cannot be reached.
            InitializeFailure: an initialize hook failed.
        """
        here = self._here
        await here.lifecycle.enter(self.sources, here._find_routes)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        here = self._here
        if here.lifecycle.users == 1:
            await self.session.close()
        await here.lifecycle.leave()
        if here.lifecycle.users == 0:
            here._found = {}

    def _find_routes(self) -> None:
        self._found = route(self.tools, self.lifecycle.sources.opened, self.conflict_resolution)

    def replica(self) -> Environment:
        """The same declarations, with connections and hooks of their own; see
        `hud.environment.replica`.
        """
        replica = copy.copy(self)
        replica.lifecycle = self.lifecycle.another()
        replica._session = Session(replica)
        replica._found = {}
        return replica

    @property
    def _here(self) -> Environment:
        """The environment that this one stands for: in some rollouts, a replica."""
        return stand_ins.get().get(id(self), self)

    @property
    def session(self) -> Session:
        """The environment's own session, which `call_tool` and its like use."""
        return self._here._session

    @property
    def is_connected(self) -> bool:
        """Whether the environment is in use, with its connections open."""
        return self._here.lifecycle.users > 0

    @property
    def opened(self) -> list[OpenSource]:
        """The open connections."""
        return self._here.lifecycle.sources.opened

    @property
    def _routes(self) -> dict[str, Route]:
        """Where the tools of open connections are."""
        return self._here._found

    def tool_definitions(self) -> list[mcp_types.Tool]:
        """All tools, local ones first, in the order in which they were declared."""
        return [
            *(tool.definition for tool in self.tools.values()),
            *(found.tool for found in self._routes.values()),
        ]

    def source_of(self, tool: str) -> str | None:
        """The name of the connection that offers a tool, or None for a local tool."""
        found = self._routes.get(tool)
        return found.source.source.name if found else None

    def as_tools(self) -> list[mcp_types.Tool]:
        """The tools that may be used now: filtered by the scenario under way."""
        return self.session.visible_tools()

    async def _call(self, call: MCPToolCall) -> MCPToolResult:
        return await self.session.call_tool(call.name, call.arguments)

    async def run_tool(
        self, name: str, arguments: Mapping[str, Any], context: Any = None
    ) -> MCPToolResult:
        """Run a tool, local or remote, or answer it with a mock; what the tool raises passes
        through.

        Raises:
            ToolError: there is no such tool.
        """
        local, remote = self.tools.get(name), self._routes.get(name)
        if self.mocks.active and (local or remote):
            definition = local.definition if local else self._routes[name].tool
            return await self.mocks.answer(definition, arguments)
        if local is not None:
            return await local.run(arguments, context)
        if remote is not None:
            return await remote.source.connection.call_tool(remote.name, arguments)
        known = [tool.name for tool in self.as_tools()]
        raise ToolError(f"there is no tool `{name}`", hint=did_you_mean(name, known))

    def prompt_definitions(self) -> list[mcp_types.Prompt]:
        """Scenarios, prompts, and the prompts of connections; hidden names are left out."""
        own = [scenario.definition(self.name) for scenario in self.scenarios.values()]
        own += [
            item.definition() for name, item in self.prompts.items() if not name.startswith("_")
        ]
        return [*own, *(prompt for opened in self.opened for prompt in opened.prompts)]

    def find_remote_prompt(self, name: str) -> tuple[OpenSource, mcp_types.Prompt] | None:
        """The connection that offers a prompt: by its full name, else by the scenario's name behind
        the colon.
        """
        offered = [(opened, prompt) for opened in self.opened for prompt in opened.prompts]
        for wanted in (name, name.rpartition(":")[2]):
            for opened, prompt in offered:
                if wanted in (prompt.name, prompt.name.rpartition(":")[2]):
                    return opened, prompt
        return None

    async def render_prompt(
        self, name: str, arguments: Mapping[str, Any]
    ) -> mcp_types.GetPromptResult:
        """Render a declared prompt.

        Raises:
            UserError: there is no prompt or scenario of that name.
        """
        declared = self.prompts.get(name)
        if declared is not None:
            return await declared.render(arguments)
        known = [
            *self.scenarios,
            *self.prompts,
            *(prompt.name for prompt in self.prompt_definitions()),
        ]
        raise UserError(
            f"environment `{self.name}` has no scenario or prompt `{name}`",
            hint=did_you_mean(name, known),
        )

    def resource_definitions(self) -> list[mcp_types.Resource]:
        """Scenarios' grades, plain resources, and the resources of connections."""
        grades = [
            mcp_types.Resource(
                uri=f"{self.name}:{scenario.name}", name=scenario.name, mime_type="application/json"
            )
            for scenario in self.scenarios.values()
        ]
        plain = [item.definition() for item in self.resources.values() if not item.is_template]
        return [*grades, *plain, *(item for opened in self.opened for item in opened.resources)]

    def resource_templates(self) -> list[mcp_types.ResourceTemplate]:
        """Resources with variables in their URI."""
        return [item.template() for item in self.resources.values() if item.is_template]

    async def read_own_resource(self, uri: str) -> mcp_types.ReadResourceResult:
        """Read a declared resource, or one of a connection.

        Raises:
            UserError: there is no such resource.
        """
        for resource in self.resources.values():
            variables = resource.match(uri)
            if variables is not None:
                return await resource.read(uri, variables)
        for opened in self.opened:
            if any(item.uri == uri for item in opened.resources):
                return await opened.connection.read_resource(uri)
        raise UserError(f"environment `{self.name}` has no resource `{uri}`")

    async def list_tools(self) -> list[mcp_types.Tool]:
        """The tools that may be used now."""
        return [camel.tool(tool) for tool in await self.session.list_tools()]

    async def list_prompts(self) -> list[mcp_types.Prompt]:
        """Scenarios and prompts."""
        return await self.session.list_prompts()

    async def list_resources(self) -> list[mcp_types.Resource]:
        """Scenarios' grades and resources."""
        return await self.session.list_resources()

    async def get_prompt(
        self, name: str, arguments: Mapping[str, Any] | None = None
    ) -> mcp_types.GetPromptResult:
        """Render a prompt, or set a scenario up in this environment's own session."""
        return await self.session.get_prompt(name, arguments or {})

    async def read_resource(self, uri: str) -> camel.ResourceContents:
        """Read a resource, or grade the scenario under way in this environment's own session; what
        is returned is also the list of its contents.
        """
        return camel.contents(await self.session.read_resource(uri))

    async def run_scenario_setup(
        self, scenario_name: str, args: Mapping[str, Any], session_id: str | None = None
    ) -> str:
        """Set a scenario up in this environment's own session; returns the prompt's text."""
        result = await self.get_prompt(scenario_name, args)
        return text_of(result.messages)

    async def submit(self, scenario: str, answer: Any, session_id: str | None = None) -> None:
        """Give the answer for the scenario under way in this environment's own session."""
        self.session.submit(answer, scenario=scenario)

    async def run_scenario_evaluate(
        self, scenario_name: str, session_id: str | None = None
    ) -> EvaluationResult:
        """Grade the scenario under way in this environment's own session."""
        return await self.session.grade(scenario_name)

    async def import_server(self, server: Any, prefix: str | None = None) -> None:
        """See `mount`, which needs no `await`."""
        self.mount(server, prefix)

    def __getattr__(self, name: str) -> Any:
        if name in LEFT_OUT:
            raise left_out(f"Environment.{name}", LEFT_OUT[name])
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def _scenarios(self) -> dict[str, ScenarioFunction]:
        """The scenarios' functions by name, where published code looks for them."""
        return {name: scenario.function for name, scenario in self.scenarios.items()}

    def run(self, transport: str | None = None, **options: Any) -> None:
        """Serve until stopped: over standard input and output, or `transport="http"` with host,
        port and path.
        """
        from hud.environment.server import run  # noqa: PLC0415 - MCP's server stack, loaded when serving

        run(self, transport or "stdio", **options)

    async def run_async(self, transport: str | None = None, **options: Any) -> None:
        """Serve as `run` does, in the running event loop."""
        from hud.environment.server import serve  # noqa: PLC0415 - as above

        await serve(self, transport or "stdio", **options)

    def serve(
        self,
        transport: str = "streamable-http",
        host: str = "127.0.0.1",
        port: int = 8000,
        **options: Any,
    ) -> None:
        """Serve over HTTP at `http://{host}:{port}/mcp` until stopped."""
        self.run(transport, host=host, port=port, **options)

    def http_app(self, path: str = "/mcp", **options: Any) -> Any:
        """The environment as an ASGI application."""
        from hud.environment.server import http_app  # noqa: PLC0415 - as above

        return http_app(self, path=path, **options)


def normalise_name(name: str) -> str:
    """A name as environments carry it: lower case, hyphens, nothing else; `environment` where
    nothing is left.
    """
    hyphenated = re.sub(r"[\s_]+", "-", name.strip().lower())
    cleaned = re.sub(r"-+", "-", re.sub(r"[^a-z0-9-]", "", hyphenated)).strip("-")
    return cleaned or "environment"


def text_of(messages: Sequence[mcp_types.PromptMessage]) -> str:
    """The text blocks of prompt messages, joined by newlines."""
    blocks = (message.content for message in messages)
    return "\n".join(block.text for block in blocks if isinstance(block, mcp_types.TextContent))

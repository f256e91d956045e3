"""What an author declares: tools, scenarios, resources, prompts and hooks, by decorators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from hud.environment.documents import FunctionPrompt, FunctionResource
from hud.environment.foreign import EnvironmentTool, as_tool
from hud.environment.lifecycle import Lifecycle, RunOnce
from hud.environment.scenarios import Scenario, ScenarioFunction, ScenarioHandle
from hud.task import Task

Function = Callable[..., Any]
F = TypeVar("F", bound=Callable[..., Any])


class Declarations(ABC):
    """Everything that was declared, by name; hooks in the order in which they were declared."""

    def __init__(self) -> None:
        self.tools: dict[str, EnvironmentTool] = {}
        self.scenarios: dict[str, Scenario] = {}
        self.prompts: dict[str, FunctionPrompt] = {}
        self.resources: dict[str, FunctionResource] = {}
        self.routes: list[Any] = []
        """Starlette's routes, served beside MCP over HTTP."""
        self.lifecycle = Lifecycle()

    @abstractmethod
    def make_task(self, name: str, arguments: Mapping[str, Any]) -> Task:
        """A task of the named scenario, its arguments validated."""

    @overload
    def tool(self, function: F, /, **options: Any) -> F: ...
    @overload
    def tool(self, name: str | None = None, /, **options: Any) -> Callable[[F], F]: ...
    def tool(self, name_or_function: Any = None, /, **options: Any) -> Any:
        """Declare a function as a tool: `@env.tool`, `@env.tool()`, `@env.tool("name",
        description=…)`, `env.tool(fn)`.

        `options`: name, title, description, output_schema, annotations, meta. The function itself
        is returned.

        Raises:
            TypeError: it takes `*args` or `**kwargs`.
        """
        if callable(name_or_function):
            self.add_tool(name_or_function, **options)
            return name_or_function
        name = options.pop("name", name_or_function)
        return lambda function: self.tool(function, name=name, **options)

    def add_tool(self, tool: Any, **options: Any) -> Any:
        """Declare a tool: a function, a `BaseTool`, or a tool object of the FastMCP library."""
        adapted = as_tool(tool, **options)
        self.tools[adapted.name] = adapted
        if hasattr(tool, "mcp") and callable(getattr(tool, "close", None)):
            self.lifecycle.shutdowns.append(tool.close)
        return tool

    @overload
    def scenario(self, name: ScenarioFunction, **options: Any) -> ScenarioHandle: ...
    @overload
    def scenario(
        self, name: str | None = None, **options: Any
    ) -> Callable[[ScenarioFunction], ScenarioHandle]: ...
    def scenario(self, name: Any = None, **options: Any) -> Any:
        """Declare a two-yield async generator as a scenario; returns a handle with `.task(...)`.

        `options`: description, chat, exclude_tools, exclude_sources, allowed_tools, returns,
        required_env_vars, enable_citations.

        Raises:
            TypeError: it is no async generator function, or a parameter's type has no JSON schema.
        """
        if callable(name):
            return self._add_scenario(Scenario(name, None, **options))
        chosen = options.pop("name", name)

        def decorate(function: ScenarioFunction) -> ScenarioHandle:
            return self._add_scenario(Scenario(function, chosen, **options))

        return decorate

    def _add_scenario(self, scenario: Scenario) -> ScenarioHandle:
        self.scenarios[scenario.name] = scenario
        return ScenarioHandle(self, scenario)

    def resource(self, uri: str, **options: Any) -> Callable[[F], F]:
        """Declare a function as the resource `uri`; `{variables}` in it make a template."""

        def decorate(function: F) -> F:
            self.resources[uri] = FunctionResource(function, uri, **options)
            return function

        return decorate

    def custom_route(
        self, path: str, methods: Sequence[str] = ("GET",), name: str | None = None, **options: Any
    ) -> Callable[[F], F]:
        """Declare an HTTP endpoint beside MCP: a function of Starlette's request that returns a
        response. Over other transports it has no effect. `options`: include_in_schema.
        """

        def decorate(function: F) -> F:
            from starlette.routing import Route  # noqa: PLC0415 - authors' scripts without routes do without the web stack

            route = Route(path, function, methods=list(methods), name=name, **options)
            self.routes.append(route)
            return function

        return decorate

    @overload
    def prompt(self, name: F, **options: Any) -> F: ...
    @overload
    def prompt(self, name: str | None = None, **options: Any) -> Callable[[F], F]: ...
    def prompt(self, name: Any = None, **options: Any) -> Any:
        """Declare a function as a prompt: `@env.prompt`, `@env.prompt()`, `@env.prompt("name")`."""
        chosen = options.pop("name", None if callable(name) else name)

        def decorate(function: Function) -> Function:
            declared = FunctionPrompt(function, chosen, **options)
            self.prompts[declared.name] = declared
            return function

        return decorate(name) if callable(name) else decorate

    @overload
    def initialize(self, function: Function, /) -> RunOnce: ...
    @overload
    def initialize(self) -> Callable[[Function], RunOnce]: ...
    def initialize(self, function: Function | None = None) -> Any:
        """Declare a hook that runs once before the environment is used; it may take the request's
        context.
        """
        if function is None:
            return self.initialize
        hook = RunOnce(function)
        self.lifecycle.initializers.append(hook)
        return hook

    @overload
    def shutdown(self, function: F, /) -> F: ...
    @overload
    def shutdown(self) -> Callable[[F], F]: ...
    def shutdown(self, function: Function | None = None) -> Any:
        """Declare a hook that runs when the environment stops, whatever the cause."""
        if function is None:
            return self.shutdown
        self.lifecycle.shutdowns.append(function)
        return function

"""A scenario: an async generator that yields a prompt, receives the answer and yields the reward.

1. Up to its first `yield` it sets up; what it yields is the prompt.
2. The value sent back is the answer: the submitted string, None if there is none, `AgentAnswer[T]`
   with `returns=T`.
3. What it yields second is the grade: a finite number or a result, else it is a `GradingFailure`.
4. The generator is closed in every case, in the task it was started in, before its run is over.
"""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

import mcp_types

from hud.environment.answers import AnswerFormat
from hud.environment.arguments import Arguments, UnresolvedType
from hud.errors import UserError
from hud.task import Task

if TYPE_CHECKING:
    from hud.environment.scenario_run import ScenarioRun

if TYPE_CHECKING:
    from hud.environment.declarations import Declarations

ScenarioFunction = Callable[..., AsyncGenerator[Any, Any]]

OPTIONS = frozenset(
    {
        *("description", "chat", "returns", "required_env_vars", "enable_citations"),
        *("exclude_tools", "exclude_sources", "allowed_tools"),
    }
)
"""What `@env.scenario` takes beside the name."""


@dataclass(frozen=True)
class ToolFilter:
    """Which tools a scenario leaves to the agent."""

    exclude_tools: tuple[str, ...] = ()
    exclude_sources: tuple[str, ...] = ()
    allowed_tools: tuple[str, ...] = ()

    @classmethod
    def declared(cls, options: Mapping[str, Any]) -> ToolFilter:
        """The filter among a scenario's options, or in the `_meta` of its prompt."""
        names = ("exclude_tools", "exclude_sources", "allowed_tools")
        return cls(**{name: _patterns(options.get(name)) for name in names})

    def admits(self, name: str, source: str | None) -> bool:
        """Sources are excluded first, then names; `allowed_tools` brings back what was excluded."""
        excluded = source in self.exclude_sources or _matches(name, self.exclude_tools)
        return not excluded or _matches(name, self.allowed_tools)


def _patterns(declared: str | Iterable[str] | None) -> tuple[str, ...]:
    return (declared,) if isinstance(declared, str) else tuple(declared or ())


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


class Scenario:
    """One scenario of an environment: the function and what was declared about it."""

    def __init__(self, function: ScenarioFunction, name: str | None = None, **options: Any) -> None:
        """Describe `function` as a scenario.

        `options`: description, chat, exclude_tools, exclude_sources, allowed_tools, returns,
        required_env_vars, enable_citations.

        Raises:
            TypeError: not an async generator function, or an annotation has no JSON schema.
            UserError: the name holds a colon.
        """
        unknown = sorted(options.keys() - OPTIONS)
        if unknown:
            raise TypeError(
                f"a scenario has no option `{unknown[0]}`: there are {', '.join(sorted(OPTIONS))}"
            )
        self.function = function
        self.name = name or function.__name__
        self.what = f"scenario `{self.name}`"
        if ":" in self.name:
            raise UserError(
                f"{self.what}: a scenario's name cannot hold a colon", hint="use a hyphen"
            )
        if not inspect.isasyncgenfunction(inspect.unwrap(function)):
            raise TypeError(
                f"{self.what} must be an async generator: `async def` with two `yield`s"
            )
        self.arguments = Arguments(function, what=self.what)
        self.description: str | None = options.get("description")
        self.chat: bool = bool(options.get("chat", False))
        self.filter = ToolFilter.declared(options)
        self.required_env_vars: list[str] = list(options.get("required_env_vars") or ())
        citations = bool(options.get("enable_citations", False))
        self.answer_format = AnswerFormat(self.what, options.get("returns"), citations)
        if self.chat and "messages" not in self.arguments.parameters:
            raise TypeError(f"{self.what} is a chat scenario, so it needs a parameter `messages`")
        self._check_annotations()

    def _check_annotations(self) -> None:
        with contextlib.suppress(
            UnresolvedType
        ):  # a forward reference resolves when it is first used
            _ = self.arguments.schema

    def definition(self, env_name: str) -> mcp_types.Prompt:
        """What clients see: a prompt named `{env}:{scenario}`, never the source.

        `_meta` holds the types of the parameters.
        """
        schema = self.arguments.schema
        required = set(schema.get("required", ()))
        arguments = [
            {
                "name": name,
                "required": name in required,
                "inputSchema": _with_definitions(field, schema),
            }
            | ({"default": field["default"]} if "default" in field else {})
            for name, field in schema["properties"].items()
        ]
        return mcp_types.Prompt(
            name=f"{env_name}:{self.name}",
            description=self._description(),
            arguments=[
                mcp_types.PromptArgument(
                    name=item["name"],
                    description=item["inputSchema"].get("description"),
                    required=item["required"],
                )
                for item in arguments
            ],
            _meta={"arguments": arguments, **self._declared()},
        )

    def _description(self) -> str | None:
        return (
            self.description
            if self.description is not None
            else self.arguments.documentation.description
        )

    def _declared(self) -> dict[str, Any]:
        """The options that are set, as v5 publishes them, and that answers arrive as they are."""
        options = {
            "chat": self.chat,
            "required_env_vars": self.required_env_vars,
            **{name: list(patterns) for name, patterns in asdict(self.filter).items()},
            "enable_citations": self.answer_format.enable_citations,
            "returns_schema": self.answer_format.schema,
        }
        return {"exact_answers": True} | {name: value for name, value in options.items() if value}

    def missing_variables(self) -> list[str]:
        """The required environment variables that are not set."""
        return [name for name in self.required_env_vars if not os.environ.get(name)]

    def answer_for(self, run: ScenarioRun) -> Any:
        """The value that the run's generator receives for the answer that was submitted."""
        return _build_answer_for_generator(run)


def _build_answer_for_generator(session: ScenarioRun) -> Any:
    """Published environments replace this function, by this name, to see `session.answer` first."""
    return session.scenario.answer_format.parse(session.answer)


class ScenarioHandle:
    """What `@env.scenario` returns: callable like the function, and `task(...)` makes tasks."""

    def __init__(self, env: Declarations, scenario: Scenario) -> None:
        self._env = env
        self._scenario = scenario
        update_wrapper(self, scenario.function)
        self.name = scenario.name

    def __call__(self, /, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        return self._scenario.function(*args, **kwargs)

    def task(self, /, *args: Any, **kwargs: Any) -> Task:
        """A task: this scenario with these arguments.

        Raises:
            ArgumentError: an argument is unknown, missing or of the wrong type.
        """
        return self._env.make_task(self._scenario.name, self._scenario.arguments.bind(args, kwargs))


def _with_definitions(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return field | ({"$defs": schema["$defs"]} if "$defs" in schema else {})

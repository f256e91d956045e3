"""A tool that is an object: what it acts on, how it is described, and hooks around its calls."""

from __future__ import annotations

import functools
import inspect
import typing
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, ClassVar, Self, TypeVar

from hud.types import AgentType, NativeToolSpec, NativeToolSpecs, ToolDeclaration

Hook = Callable[..., Awaitable[Any]]
HookT = TypeVar("HookT", bound=Hook)


class BaseTool(ABC):
    """A tool with state of its own; subclasses write `__call__` with the tool's parameters.

    Add it to an environment with `env.add_tool(tool)`. Called directly, `await tool(...)`, it runs
    without its hooks.
    """

    name: str = ""
    title: str = ""
    description: str | None = None
    native_specs: ClassVar[NativeToolSpecs] = {}

    def __init__(
        self,
        env: Any = None,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        **specs: Any,
    ) -> None:
        """Describe the tool; what is left out comes from the class.

        `env` is whatever the tool acts on. `specs`: `meta`, the `_meta` of the tool's definition,
        and `native_specs`, which replace those of the class.

        Raises:
            TypeError: another option is given.
        """
        self.env = env
        own = type(self)
        self.name = name or own.name or own.__name__.lower().removesuffix("tool")
        self.title = title or own.title or self.name.replace("_", " ").title()
        self.description = description or own.description or _documented(own)
        meta, natives = specs.pop("meta", None), specs.pop("native_specs", None)
        if specs:
            raise TypeError(f"{own.__name__} takes no option `{min(specs)}`")
        self._native_specs: NativeToolSpecs = self.native_specs if natives is None else natives
        self.meta: dict[str, Any] = dict(meta or {})
        if self._native_specs:
            self.meta["native_tools"] = _published(self._native_specs)
        self._before: list[Hook] = []
        self._after: list[Hook] = []

    @abstractmethod
    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the tool; returns content blocks, a `ContentResult`, or data."""

    def before(self, hook: HookT) -> HookT:
        """Run `hook(**arguments)` before each call of an agent.

        It may raise to refuse the call, return other arguments, or return None.
        """
        self._before.append(hook)
        return hook

    def after(self, hook: HookT) -> HookT:
        """Run `hook(result=…, **arguments)` after each call of an agent.

        What it returns, unless None, replaces it.
        """
        self._after.append(hook)
        return hook

    @property
    def mcp(self) -> ToolDeclaration:
        """The tool as an environment takes it."""
        return ToolDeclaration(
            _declared(self, self._run), self.name, self.title, self.description, self.meta or None
        )

    def register(self, server: Any, **meta: Any) -> Self:
        """Add the tool to an environment, with more `_meta`."""
        self.meta |= meta
        server.add_tool(self)
        return self

    def get_native_spec(
        self, agent_type: AgentType, model: str | None = None
    ) -> NativeToolSpec | None:
        """The spec for a family of agents that supports the model, or None."""
        specs = self._native_specs.get(agent_type, [])
        offered = specs if isinstance(specs, list) else [specs]
        return next((spec for spec in offered if spec.supports_model(model)), None)

    async def _run(self, **arguments: Any) -> Any:
        if not (self._before or self._after):
            return await self._called(arguments)
        arguments = _defaults(self) | arguments
        for hook in self._before:
            changed = await hook(**arguments)
            arguments = arguments if changed is None else dict(changed)
        result = await self._called(arguments)
        for hook in self._after:
            changed = await hook(result=result, **arguments)
            result = result if changed is None else changed
        return result

    async def _called(self, arguments: dict[str, Any]) -> Any:
        result = self(**arguments)
        return await result if inspect.isawaitable(result) else result


def _documented(kind: type) -> str | None:
    return inspect.cleandoc(kind.__doc__) if kind.__doc__ else None


def _defaults(tool: BaseTool) -> dict[str, Any]:
    parameters = inspect.signature(tool).parameters.values()
    return {item.name: item.default for item in parameters if item.default is not item.empty}


def _published(specs: NativeToolSpecs) -> dict[str, Any]:
    def one(spec: NativeToolSpec) -> dict[str, Any]:
        return spec.model_dump(mode="json", exclude_none=True)

    return {
        str(family): [one(item) for item in spec] if isinstance(spec, list) else one(spec)
        for family, spec in specs.items()
    }


def _declared(tool: BaseTool, run: Hook) -> Callable[..., Any]:
    """A function that runs the tool, with the parameters of its `__call__`.

    Where that passes `**kwargs` on to its parent, the parent's parameters are the tool's as well.
    """

    async def call(**arguments: Any) -> Any:
        return await run(**arguments)

    own = inspect.signature(tool).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in own):
        declared = functools.wraps(tool.__call__)(call)
        declared.__name__ = tool.name
        return declared
    parameters = {parameter.name: parameter for parameter in _inherited(type(tool))}
    by_need = sorted(parameters.values(), key=lambda item: item.default is not item.empty)
    vars(call)["__signature__"] = inspect.Signature(by_need)
    call.__annotations__ = {item.name: item.annotation for item in by_need}
    call.__doc__ = tool.__call__.__doc__
    return call


def _inherited(kind: type) -> Iterator[inspect.Parameter]:
    """The parameters of `__call__`, its parents' first, up to a parent that takes no `**kwargs`."""
    calls = [vars(parent)["__call__"] for parent in kind.__mro__ if "__call__" in vars(parent)]
    for position, call in enumerate(calls):
        parameters = inspect.signature(call).parameters.values()
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
            calls = calls[: position + 1]
            break
    else:
        raise TypeError(f"{kind.__name__} takes `**kwargs`; name each parameter instead")
    for call in reversed(calls):
        hints = typing.get_type_hints(call, include_extras=True)
        for parameter in list(inspect.signature(call).parameters.values())[1:]:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                annotation = hints.get(parameter.name, Any)
                yield parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=annotation)

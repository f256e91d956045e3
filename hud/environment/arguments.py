"""A function's parameters as a JSON schema and a validator: of tools, scenarios and prompts."""

from __future__ import annotations

import copy
import inspect
import json
import sys
import typing
import warnings
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from types import SimpleNamespace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import PydanticJsonSchemaWarning
from pydantic_core import to_jsonable_python

from hud.environment.docstrings import Documentation, read_docstring
from hud.errors import UserError

CONTEXT_MODULES = ("fastmcp", "mcp", "hud")


class ArgumentError(UserError, TypeError):
    """Arguments do not fit the signature of the function that they are meant for."""


class UnresolvedType(TypeError):
    """An annotation names what does not exist yet; it may when the annotation is first needed."""


class Arguments:
    """The parameters of `function`: their JSON schema, and validation of arguments given by name.

    Parameters that a server injects (annotated `Context`) are left out of the schema.

    Raises:
        TypeError: the function takes `*args`, `**kwargs` or positional-only parameters.
    """

    def __init__(self, function: Callable[..., Any], *, what: str) -> None:
        self.what = what
        self._function = function.func if isinstance(function, partial) else function
        self.parameters = dict(inspect.signature(function).parameters)
        for parameter in self.parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise TypeError(f"{what} takes `{parameter}`; name each parameter instead")
            if parameter.kind is parameter.POSITIONAL_ONLY:
                raise TypeError(
                    f"{what} takes `{parameter.name}` by position only; arguments are given by name"
                )
        self._local_names = (
            _names_where_declared() if "<locals>" in _qualified_name(self._function) else {}
        )

    @cached_property
    def hints(self) -> dict[str, Any]:
        """The annotations, evaluated; what is returned is left out if its type does not exist.

        Raises:
            TypeError: a parameter's names something that does not exist (yet).
        """
        function = inspect.unwrap(self._function)
        target: Any = function if inspect.isroutine(function) else type(function).__call__
        try:
            return self._evaluated(target)
        except NameError:
            annotations = {
                name: kind for name, kind in target.__annotations__.items() if name != "return"
            }
        known = SimpleNamespace(
            __annotations__=annotations, __globals__=getattr(target, "__globals__", {})
        )
        try:
            return self._evaluated(known)
        except NameError as exc:
            raise UnresolvedType(f"{self.what}: an annotation cannot be evaluated: {exc}") from exc

    def _evaluated(self, target: Any) -> dict[str, Any]:
        return typing.get_type_hints(target, localns=self._local_names, include_extras=True)

    @cached_property
    def context_parameter(self) -> str | None:
        """The parameter that receives the request's context, if there is one."""
        for name in self.parameters:
            if _is_context(self.hints.get(name)):
                return name
        return None

    @cached_property
    def documentation(self) -> Documentation:
        """What the function's docstring says."""
        return read_docstring(self._function)

    @cached_property
    def _fields(self) -> dict[str, str]:
        """Parameters by the name of their field in the model, which cannot be `json` or `_x`."""
        names = [name for name in self.parameters if name != self.context_parameter]
        return {f"p{position}": name for position, name in enumerate(names)}

    @cached_property
    def model(self) -> type[BaseModel]:
        """The pydantic model that validates the arguments; the parameters' names are aliases."""
        described = self.documentation.parameters
        fields: dict[str, Any] = {
            field: self._field(name, described.get(name)) for field, name in self._fields.items()
        }
        config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
        try:
            return create_model("Arguments", __config__=config, **fields)
        except PydanticUserError as exc:
            raise TypeError(f"{self.what}: a parameter's type has no JSON schema: {exc}") from exc

    def _field(self, name: str, description: str | None) -> Any:
        annotation: Any = self.hints.get(name, Any)
        default = self.parameters[name].default
        field = Field(alias=name, description=_own_description(annotation) or description)
        is_required = default is inspect.Parameter.empty
        return Annotated[annotation, field], (... if is_required else default)

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments: an object that admits no other properties."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
            try:
                schema = self.model.model_json_schema(by_alias=True)
            except PydanticUserError as exc:
                raise TypeError(
                    f"{self.what}: a parameter's type has no JSON schema: {exc}"
                ) from exc
        schema.setdefault("properties", {})
        schema.pop("title", None)
        for name, field in schema["properties"].items():
            if field.get("title") == _default_title(name):
                del field["title"]
        return schema

    def validate(self, arguments: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
        """The validated arguments and the context, ready for the call.

        Parameters with defaults may be absent.

        Raises:
            ArgumentError: an argument is unknown, missing or of the wrong type; names each of them.
        """
        try:
            model = self.model.model_validate(dict(arguments))
        except ValidationError as exc:
            raise ArgumentError(f"{self.what}: {_complaints(exc)}", hint=self._usage()) from exc
        injected = {self.context_parameter: context} if self.context_parameter else {}
        return injected | {
            name: getattr(model, field)
            for field, name in self._fields.items()
            if field in model.model_fields_set
            or isinstance(self.parameters[name].default, FieldInfo)
        }

    def to_json(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The validated arguments as JSON data.

        Raises:
            ArgumentError: they do not fit, or cannot be written as JSON.
        """
        validated = self.validate(arguments)
        given = {name: value for name, value in validated.items() if name in arguments}
        try:
            plain: dict[str, Any] = to_jsonable_python(given)
            json.dumps(plain, allow_nan=False)
        except ValueError as exc:
            raise ArgumentError(
                f"{self.what}: an argument cannot be written as JSON: {exc}"
            ) from exc
        return plain

    def renamed(self, what: str) -> Arguments:
        """The same arguments, named otherwise in errors."""
        renamed = copy.copy(self)
        renamed.what = what
        return renamed

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Positional and named arguments, by name.

        Raises:
            ArgumentError: too many positional arguments, or one is given twice.
        """
        names = list(self._fields.values())
        if len(args) > len(names):
            raise ArgumentError(
                f"{self.what} takes {len(names)} arguments, but {len(args)} were given"
            )
        positional = dict(zip(names, args, strict=False))
        twice = positional.keys() & kwargs.keys()
        if twice:
            raise ArgumentError(f"{self.what}: argument {sorted(twice)[0]!r} is given twice")
        return positional | kwargs

    def _usage(self) -> str:
        names = [
            name if field.is_required() else f"{name} (optional)"
            for name, field in self._named_fields()
        ]
        return f"its arguments are {', '.join(names)}" if names else "it takes no arguments"

    def _named_fields(self) -> list[tuple[str, FieldInfo]]:
        return [(name, self.model.model_fields[field]) for field, name in self._fields.items()]


def _own_description(annotation: Any) -> str | None:
    """The description in `Annotated[T, Field(description=…)]` or `Annotated[T, "…"]`."""
    extras = typing.get_args(annotation)[1:] if typing.get_origin(annotation) is Annotated else ()
    texts = (extra.description if isinstance(extra, FieldInfo) else extra for extra in extras)
    return next((text for text in texts if isinstance(text, str)), None)


def _qualified_name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _names_where_declared() -> dict[str, Any]:
    """The local names where an author declares something; annotations may use them as text."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__", "").startswith("hud.") and frame.f_back is not None:
        frame = frame.f_back
    return dict(frame.f_locals)


def _default_title(name: str) -> str:
    return name.title().replace("_", " ").strip()


def _complaints(error: ValidationError) -> str:
    """All complaints of a validation error in one line, each naming its argument."""
    return "; ".join(_complaint(dict(item)) for item in error.errors(include_url=False))


def _complaint(item: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in item["loc"])
    if item["type"] == "missing" and len(item["loc"]) == 1:
        return f"argument {name!r} is missing"
    if item["type"] == "extra_forbidden" and len(item["loc"]) == 1:
        return f"unknown argument {name!r}"
    return f"argument {name!r}: {item['msg']} (got {_short(item.get('input'))})"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _is_context(annotation: Any) -> bool:
    kinds = typing.get_args(annotation) or (annotation,)
    return any(
        inspect.isclass(kind)
        and kind.__name__ == "Context"
        and kind.__module__.split(".")[0] in CONTEXT_MODULES
        for kind in kinds
    )

"""Signatures as JSON schemas, and arguments validated against them."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import BaseModel, Field

from hud import Environment
from hud.environment.arguments import ArgumentError, Arguments
from hud.environment.prompt_arguments import decode_arguments, encode_arguments, validate_arguments


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.StrEnum):
    ONE = "1"


class Address(BaseModel):
    street: str
    number: int = Field(ge=1)


class Person(BaseModel):
    name: str
    home: Address
    others: list[Address] = []


class Context:
    """Stands in for what MCP libraries inject; theirs has this name, too."""

    __module__ = "fastmcp.server"


def arguments_of(function: Callable[..., Any]) -> Arguments:
    return Arguments(function, what="tool `it`")


def taking(annotation: Any, default: Any = inspect.Parameter.empty) -> Arguments:
    """The arguments of a function with one parameter `value`."""

    def function(value: Any) -> None: ...

    function.__annotations__["value"] = annotation
    if default is not inspect.Parameter.empty:
        function.__defaults__ = (default,)
    return arguments_of(function)


def test_a_plain_signature_is_an_object_that_admits_nothing_else() -> None:
    def count(word: str, letter: str, limit: int = 5) -> None: ...

    assert arguments_of(count).schema == {
        "type": "object",
        "properties": {
            "word": {"type": "string"},
            "letter": {"type": "string"},
            "limit": {"type": "integer", "default": 5},
        },
        "required": ["word", "letter"],
        "additionalProperties": False,
    }


def test_a_function_without_parameters_takes_an_empty_object() -> None:
    schema = arguments_of(lambda: None).schema
    assert (schema["type"], schema["properties"]) == ("object", {})


@pytest.mark.parametrize(
    ("annotation", "part"),
    [
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (list[str], {"type": "array", "items": {"type": "string"}}),
        (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
        (str | None, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a"], {"type": "string", "const": "a"}),
        (Colour, {"$ref": "#/$defs/Colour"}),
        (Person, {"$ref": "#/$defs/Person"}),
        (
            Annotated[int, Field(ge=1, description="How many")],
            {"minimum": 1, "type": "integer", "description": "How many"},
        ),
        (Annotated[int, "How many"], {"type": "integer", "description": "How many"}),
        (Any, {}),
    ],
    ids=str,
)
def test_a_type_hint_becomes_its_schema(annotation: Any, part: dict[str, Any]) -> None:
    schema = taking(annotation).schema
    assert schema["properties"]["value"] == part
    jsonschema.Draft202012Validator.check_schema(schema)


def test_nested_models_bring_their_definitions() -> None:
    schema = taking(Person).schema
    assert set(schema["$defs"]) == {"Address", "Person"}
    jsonschema.validate({"value": {"name": "a", "home": {"street": "b", "number": 1}}}, schema)


@pytest.mark.parametrize(
    ("default", "given", "received"),
    [
        (Field(default=3, ge=1), {}, 3),
        (Field(default_factory=list), {}, []),
        (Field(ge=1), {"value": 2}, 2),
    ],
    ids=["default", "factory", "required"],
)
def test_a_field_as_default_is_read(default: Any, given: dict[str, Any], received: Any) -> None:
    assert taking(Any, default).validate(given) == {"value": received}


def test_a_field_without_a_default_is_required_and_described() -> None:
    schema = taking(int, Field(description="How many")).schema
    assert schema["required"] == ["value"]
    assert schema["properties"]["value"]["description"] == "How many"


NAMES = [
    "json",
    "schema",
    "copy",
    "dict",
    "_x",
    "__y",
    "model_config",
    "model_fields",
    "self",
    "cls",
    "name",
    "what",
    "class_",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_parameter_name_is_good(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def function({name}: int, other: str = 'x'): return {name}", namespace)
    arguments = arguments_of(namespace["function"])
    assert arguments.schema["required"] == [name]
    assert arguments.validate({name: "4"}) == {name: 4}


async def forward(order: Order, note: Later | None = None) -> None: ...  # type: ignore[name-defined]  # noqa: F821


class Order(BaseModel):
    items: list[Item]


class Item(BaseModel):
    name: str


def test_a_type_defined_later_is_found_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = arguments_of(forward)
    with pytest.raises(
        TypeError, match="tool `it`: an annotation cannot be evaluated: name 'Later'"
    ):
        _ = arguments.schema
    monkeypatch.setitem(globals(), "Later", Item)
    assert set(arguments.schema["$defs"]) == {"Order", "Item"}


def test_a_tool_and_a_scenario_may_be_declared_before_their_types(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    env = Environment("test")
    env.tool(forward)

    @env.scenario
    async def play(later: Later) -> Any:  # type: ignore[name-defined]  # noqa: F821
        yield later.name
        yield 1.0

    monkeypatch.setitem(globals(), "Later", Item)
    assert play.task(later={"name": "a"}).args == {"later": {"name": "a"}}
    assert [tool.name for tool in env.as_tools()] == ["forward"]


def test_types_local_to_a_function_are_found() -> None:
    class Local(BaseModel):
        size: int

    env = Environment("test")

    @env.tool
    def function(value: Local, more: list[Local]) -> Local:
        return value

    assert set(env.as_tools()[0].input_schema["$defs"]) == {"Local"}


class Unschematic:
    pass


@pytest.mark.parametrize("annotation", [Unschematic, Callable[[], int], list[Unschematic]], ids=str)
def test_a_type_without_a_schema_is_refused(annotation: Any) -> None:
    with pytest.raises(TypeError, match="tool `it`: a parameter's type has no JSON schema"):
        _ = taking(annotation).schema


def star(*words: str) -> None: ...


def stars(**words: str) -> None: ...


def position(word: str, /) -> None: ...


@pytest.mark.parametrize("function", [star, stars, position])
def test_parameters_that_cannot_be_given_by_name_are_refused(function: Any) -> None:
    with pytest.raises(TypeError, match="tool `it` takes `"):
        arguments_of(function)


def test_an_injected_context_is_no_argument() -> None:
    def first(ctx: Context, word: str) -> str:
        return word

    def second(word: str, ctx: Context | None = None) -> str:
        return word

    for function in (first, second):
        arguments = arguments_of(function)
        assert list(arguments.schema["properties"]) == ["word"]
        assert arguments.validate({"word": "a"}, "the context") == {
            "word": "a",
            "ctx": "the context",
        }


GOOGLE = """Count letters.

Case matters.

Args:
    word: The word to look into,
        however long.
    letter (str): The letter.

Returns:
    How often it occurs.

Example:
    count("aa", "a")
"""
NUMPY = """Count letters.

Case matters.

Parameters
----------
word : str
    The word to look into,
    however long.
letter : str
    The letter.

Returns
-------
int
    How often it occurs.
"""
SPHINX = """Count letters.

Case matters.

:param word: The word to look into,
    however long.
:param str letter: The letter.
:returns: How often it occurs.
"""


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_a_docstring_describes_the_tool_and_each_argument(text: str) -> None:
    def count(word: str, letter: Annotated[str, Field(min_length=1)]) -> None: ...

    count.__doc__ = text
    arguments = arguments_of(count)
    described = {
        name: field["description"] for name, field in arguments.schema["properties"].items()
    }
    assert described == {"word": "The word to look into,\nhowever long.", "letter": "The letter."}
    description = arguments.documentation.description or ""
    assert description.startswith("Count letters.\n\nCase matters.")
    assert "The letter." not in description
    assert "How often" not in description


def test_sections_that_are_not_about_the_signature_stay_in_the_description() -> None:
    def count(word: str, letter: str) -> None: ...

    count.__doc__ = GOOGLE
    assert (arguments_of(count).documentation.description or "").endswith(
        'Example:\n    count("aa", "a")'
    )


def test_a_description_in_the_annotation_wins_over_the_docstring() -> None:
    def count(word: Annotated[str, Field(description="From the field")]) -> int:
        """Count.

        Args:
            word: From the docstring
        """
        return 0

    assert arguments_of(count).schema["properties"]["word"]["description"] == "From the field"


@pytest.mark.parametrize(
    ("annotation", "given", "received"),
    [
        (int, "4", 4),
        (float, "0.5", 0.5),
        (bool, "true", True),
        (str, "null", "null"),
        (str, "123", "123"),
        (str | None, "null", "null"),
        (str | None, None, None),
        (int | None, "3", 3),
        (Colour, "red", Colour.RED),
        (Literal["a", "b"] | None, "a", "a"),
        (Address, {"street": "x", "number": "2"}, Address(street="x", number=2)),
        (Sequence[Mapping[str, Any]], [{"a": 1}], [{"a": 1}]),
        (Any, "123", "123"),
    ],
    ids=str,
)
def test_arguments_are_coerced_as_pydantic_does_it(
    annotation: Any, given: Any, received: Any
) -> None:
    assert taking(annotation).validate({"value": given}) == {"value": received}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "tool `it`: argument 'word' is missing"),
        ({"word": "a", "wrod": 1}, "tool `it`: unknown argument 'wrod'"),
        ({"word": 5}, "tool `it`: argument 'word': Input should be a valid string (got 5)"),
        ({"word": None}, "tool `it`: argument 'word': Input should be a valid string (got None)"),
        ({"word": "a", "limit": "many"}, "argument 'limit': Input should be a valid integer"),
        ({"word": "a", "limit": 1.5}, "argument 'limit': Input should be a valid integer"),
        ({"wrod": 1}, "argument 'word' is missing; unknown argument 'wrod'"),
        ({"word": "a", "home": {"street": "b"}}, "argument 'home.number'"),
    ],
    ids=str,
)
def test_a_bad_argument_is_named_with_the_reason(given: dict[str, Any], complaint: str) -> None:
    def function(word: str, limit: int = 1, home: Address | None = None) -> None: ...

    with pytest.raises(ArgumentError) as caught:
        arguments_of(function).validate(given)
    assert complaint in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint == "its arguments are word, limit (optional), home (optional)"


def test_a_long_value_is_shortened_in_the_complaint() -> None:
    with pytest.raises(ArgumentError) as caught:
        taking(int).validate({"value": "x" * 1000})
    assert len(caught.value.message) < 250


def test_defaults_are_left_to_the_function() -> None:
    shared: list[int] = []

    def function(word: str, seen: list[int] = shared) -> None: ...

    assert arguments_of(function).validate({"word": "a"}) == {"word": "a"}


def test_a_default_that_no_comparison_survives_is_fine() -> None:
    class Ambiguous:
        def __eq__(self, other: object) -> bool:
            raise ValueError("which one?")

        __hash__ = None  # type: ignore[assignment]

    assert taking(Any, Ambiguous()).validate({}) == {}


def test_positional_arguments_are_bound_in_order() -> None:
    def function(first: str, second: int = 2) -> None: ...

    arguments = arguments_of(function)
    assert arguments.bind(("a",), {"second": 3}) == {"first": "a", "second": 3}
    with pytest.raises(ArgumentError, match="takes 2 arguments, but 3 were given"):
        arguments.bind((1, 2, 3), {})
    with pytest.raises(ArgumentError, match="argument 'first' is given twice"):
        arguments.bind((1,), {"first": 2})


class Target:
    def __init__(self, annotation: Any) -> None:
        self.arguments = taking(annotation)


@pytest.mark.parametrize(
    ("annotation", "value", "wire"),
    [
        (str, "null", "null"),
        (str, "123", "123"),
        (str, '{"a": 1}', '{"a": 1}'),
        (int, 4, "4"),
        (bool, True, "true"),
        (float | None, None, "null"),
        (str | None, None, "null"),
        (list[str], ["a"], '["a"]'),
        (dict[str, float] | None, {"a": 0.5}, '{"a": 0.5}'),
        (list[dict[str, Any]], [{"a": None}], '[{"a": null}]'),
        (Sequence[Mapping[str, Any]], [{"a": 1}], '[{"a": 1}]'),
        (Literal["1"] | None, "1", "1"),
        (Level, "1", "1"),
        (Level | None, "1", "1"),
        (Address, {"street": "x", "number": 1}, '{"street": "x", "number": 1}'),
        (Any, "123", "123"),
        (Any | None, "[1]", "[1]"),
    ],
    ids=str,
)
def test_arguments_survive_a_wire_of_strings(annotation: Any, value: Any, wire: str) -> None:
    assert encode_arguments({"value": value}) == {"value": wire}
    assert decode_arguments(Target(annotation), {"value": wire}) == {"value": value}


def test_a_string_that_is_no_json_is_left_for_validation() -> None:
    target = Target(list[str])
    assert decode_arguments(target, {"value": "a, b"}) == {"value": "a, b"}
    with pytest.raises(ArgumentError, match="argument 'value'"):
        validate_arguments(target, {"value": "a, b"})


def test_typed_arguments_are_not_read_as_strings_first() -> None:
    assert validate_arguments(Target(str | None), {"value": "null"}) == {"value": "null"}
    assert validate_arguments(Target(list[str]), {"value": '["a"]'}) == {"value": ["a"]}

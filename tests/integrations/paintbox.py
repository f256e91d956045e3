"""A toolbox whose tools have everything that argument schemas are made of."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import mcp_types
from pydantic import BaseModel, Field, ValidationError

from hud.environment.toolbox import Toolbox
from hud.types import MCPToolCall, MCPToolResult

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Circle(BaseModel):
    kind: Literal["circle"] = "circle"
    radius: float = Field(gt=0)


class Square(BaseModel):
    kind: Literal["square"] = "square"
    side: float


class Layer(BaseModel):
    name: str = Field(min_length=1, pattern="^[a-z]+$")
    layers: list[Layer] = []


class Draw(BaseModel):
    """Draw a shape."""

    shape: Circle | Square = Field(description="what to draw")
    color: Color = Color.RED
    layer: Layer | None = None
    times: int | str = 1


class Remember(BaseModel):
    """Keep words that frameworks want for themselves."""

    config: str
    run_manager: str = ""
    context: str | None = None


class Nothing(BaseModel):
    """Take no arguments."""


class Paintbox(Toolbox):
    """`draw` and `remember` give their arguments back, `show` returns an image, `spill` fails."""

    tools: dict[str, type[BaseModel]] = {  # noqa: RUF012 - never changed
        "draw": Draw,
        "remember": Remember,
        "show": Nothing,
        "spill": Nothing,
    }

    def __init__(self) -> None:
        self.calls: list[MCPToolCall] = []

    def as_tools(self) -> list[mcp_types.Tool]:
        return [
            mcp_types.Tool(
                name=name, description=model.__doc__, input_schema=model.model_json_schema()
            )
            for name, model in self.tools.items()
        ]

    async def _call(self, call: MCPToolCall) -> MCPToolResult:
        self.calls.append(call)
        try:
            model = self.tools[call.name]
            return answer(call.name, model.model_validate(call.arguments).model_dump(mode="json"))
        except KeyError:
            return failed(f"unknown tool `{call.name}`")
        except ValidationError as exc:
            return failed(f"bad arguments: {exc.errors()[0]['loc']}")


def answer(name: str, arguments: dict[str, Any]) -> MCPToolResult:
    if name == "spill":
        return failed("the paint is gone")
    if name == "show":
        text = mcp_types.TextContent(text="the picture")
        return MCPToolResult(
            content=[text, mcp_types.ImageContent(data=PIXEL, mime_type="image/png")]
        )
    return MCPToolResult(structured_content=arguments)


def failed(message: str) -> MCPToolResult:
    return MCPToolResult(content=[mcp_types.TextContent(text=message)], is_error=True)


CIRCLE = {"shape": {"kind": "circle", "radius": 2.0}, "color": "blue"}
"""Arguments of `draw`."""
DRAWN = {**CIRCLE, "layer": None, "times": 1}
"""What `draw` answers to them."""
DRAW_SCHEMA = Draw.model_json_schema()

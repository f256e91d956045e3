"""Tools with every kind of argument and answer, and a scenario with a partial reward."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncGenerator
from typing import Literal

import mcp_types
from PIL import Image, ImageDraw

from hud import Environment

env = Environment("notes")


@env.tool()
def note(text: str, importance: int = 1, kind: Literal["idea", "task"] = "idea") -> dict[str, str]:
    """Write a note down.

    Args:
        text: What to remember.
        importance: From 1 to 5.
    """
    return {"noted": text, "importance": str(importance), "kind": kind}


@env.tool()
def place(at: dict[str, int], tags: list[str] | None = None, loud: bool = False) -> str:
    """Put something somewhere."""
    return f"at {at['x']}, {at['y']}; {tags}; {loud}"


@env.tool()
def draw(label: str) -> list[mcp_types.ContentBlock]:
    """Draw a picture with a label."""
    picture = Image.new("RGB", (320, 120), "#3b5bdb")
    ImageDraw.Draw(picture).text((20, 50), label, fill="white")
    out = io.BytesIO()
    picture.save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    return [
        mcp_types.TextContent(type="text", text=f"drawn: {label}"),
        mcp_types.ImageContent(type="image", data=data, mimeType="image/png"),
    ]


@env.tool()
def list_all(count: int = 40) -> str:
    """List everything that was written down."""
    return "\n".join(f"{number}. a note" for number in range(1, count + 1))


@env.tool()
def lose() -> str:
    """Fail, as the database does."""
    raise RuntimeError("the database is locked")


@env.scenario("pick")
async def pick(
    kind: Literal["idea", "task"] = "idea", count: int = 2
) -> AsyncGenerator[object, str]:
    """Ask for some notes; half of them are enough for half of the reward.

    Args:
        kind: Which kind of note.
    """
    answer = yield f"Pick {count} notes of the kind {kind}."
    yield {"reward": 0.5, "content": "half of them"} if answer else 0.0

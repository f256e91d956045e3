"""A v4 server: setup and evaluate tools in front of a shared context."""

from __future__ import annotations

from typing import Any

from hud.server import MCPServer
from hud.server.context import attach_context

from . import shared
from .evaluate import evaluate
from .setup import setup

mcp = MCPServer(name="blanks")
mcp.mount(setup)
mcp.include_router(evaluate)


@mcp.initialize
async def initialize(init_ctx: Any) -> None:
    shared.board = attach_context()


@mcp.shutdown
async def shutdown() -> None:
    shared.board = None


@mcp.tool()
async def fill(square: str, text: str) -> dict[str, str]:
    """Write into a square."""
    shared.board.fill(square, text)
    return shared.board.get_squares()


if __name__ == "__main__":
    mcp.run()

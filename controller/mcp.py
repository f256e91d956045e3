"""The MCP port."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.types import ASGIApp

from controller.platform import Platform


def create_mcp_app(platform: Platform) -> ASGIApp:
    """What listens at the MCP port."""
    return Starlette()

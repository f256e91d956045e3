"""Serving an environment over MCP, in both protocol eras: standard input and output, or Streamable HTTP."""

from hud.environment.server.http import http_app
from hud.environment.server.protocol import protocol_server
from hud.environment.server.serving import run, serve

__all__ = ["http_app", "protocol_server", "run", "serve"]

"""Serving an environment over MCP, in both protocol eras, by standard streams or HTTP."""

from hud.environment.server.http import http_app
from hud.environment.server.protocol import protocol_server
from hud.environment.server.serving import run, serve
from hud.environment.server.stdio import claimed_streams

__all__ = ["claimed_streams", "http_app", "protocol_server", "run", "serve"]

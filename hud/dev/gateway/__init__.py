"""The MCP endpoint that outlives every environment behind it."""

from hud.dev.gateway.connection import Interrupted, NotDelivered, UpstreamFailure
from hud.dev.gateway.control import Gateway, GatewayEvent, Swap
from hud.dev.gateway.options import Limits
from hud.dev.gateway.upstream import HttpUpstream, Upstream

__all__ = [
    "Gateway",
    "GatewayEvent",
    "HttpUpstream",
    "Interrupted",
    "Limits",
    "NotDelivered",
    "Swap",
    "Upstream",
    "UpstreamFailure",
]

"""The MCP endpoint that outlives every environment behind it."""

from hud.dev.gateway.control import Gateway, GatewayEvent, Swap
from hud.dev.gateway.options import Limits
from hud.dev.gateway.server import GatewayServer
from hud.dev.gateway.upstreams.http import HttpUpstream
from hud.dev.gateway.upstreams.pipes import SharedPipe, StreamPipe, command
from hud.dev.gateway.upstreams.snapshot import Difference, Snapshot
from hud.dev.gateway.upstreams.stdio import StdioUpstream
from hud.dev.gateway.upstreams.upstream import Interrupted, NotDelivered, Upstream, UpstreamFailure

__all__ = [
    "Difference",
    "Gateway",
    "GatewayEvent",
    "GatewayServer",
    "HttpUpstream",
    "Interrupted",
    "Limits",
    "NotDelivered",
    "SharedPipe",
    "Snapshot",
    "StdioUpstream",
    "StreamPipe",
    "Swap",
    "Upstream",
    "UpstreamFailure",
    "command",
]

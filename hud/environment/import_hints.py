"""What to do about an import of an author's module that cannot work here: names that MCP's library
has given up since, packages that the original brought along, names of the original itself.
"""

from __future__ import annotations

import re

V5 = "pip install 'hud-local[v5]'"
"""Brings what the original depended on and published code imports without asking for it."""

RENAMED = {
    "mcp:McpError": "it is `MCPError` now: from mcp import MCPError",
    "mcp.shared.exceptions:McpError": "it is `MCPError` now: from mcp import MCPError",
    "mcp.shared.context:RequestContext": "from mcp.server.context import ServerRequestContext",
    "mcp.client.streamable_http:streamablehttp_client": (
        "it is `streamable_http_client` now: from mcp.client.streamable_http import it"
    ),
    "mcp.server.fastmcp": (
        f"from hud.server import MCPServer; or {V5}, then from fastmcp import FastMCP, Context"
    ),
    "fastmcp.tools.tool": "from fastmcp.tools import Tool, FunctionTool, ToolResult",
    "hud.graders": "that is version 0.6; here it is hud.native.graders",
}
"""What became of it, by module and name, or by module."""

EXTRAS = {name: V5 for name in ("anthropic", "fastapi", "fastmcp", "httpx", "openai")} | {
    "a2a": "pip install 'hud-local[a2a]'",
    "PIL": "pip install 'hud-local[computer]'",
    "playwright": "pip install 'hud-local[playwright]'",
    "websockets": "pip install 'hud-local[jupyter]'",
}
"""How to get a package that is missing."""

OURS = "what the original has and this has not is listed in docs/migration.md"
_NO_NAME = re.compile(r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'")


def import_hint(exc: BaseException) -> str | None:
    """The next step after a failed import; None where nothing is known about it."""
    if not isinstance(exc, ImportError):
        return None
    found = _NO_NAME.match(str(exc))
    module = found["module"] if found else exc.name or ""
    wanted = f"{module}:{found['name']}" if found else module
    if wanted in RENAMED:
        return RENAMED[wanted]
    package = module.partition(".")[0]
    if package == "hud":
        return OURS
    is_missing = found is None and module == package
    return EXTRAS.get(package) if is_missing else None

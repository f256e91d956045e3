"""How to connect clients to a running server: links, snippets of configuration, commands. Pure."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, urlencode

INSPECTOR = "http://localhost:6274"
"""Where MCP Inspector's web page is served once it runs."""


def cursor_link(name: str, url: str) -> str:
    """A link that adds the server to Cursor when it is opened."""
    config = base64.b64encode(json.dumps({"url": url}).encode()).decode()
    return (
        f"cursor://anysphere.cursor-deeplink/mcp/install?name={quote(name)}&config={quote(config)}"
    )


def cursor_snippet(name: str, url: str) -> str:
    """What to write into `.cursor/mcp.json`."""
    return json.dumps({"mcpServers": {name: {"url": url}}})


def code_snippet(name: str, url: str) -> str:
    """What to write into VS Code's `.vscode/mcp.json`."""
    return json.dumps({"servers": {name: {"type": "http", "url": url}}})


def claude_command(name: str, url: str) -> str:
    """What to run to add the server to Claude Code."""
    return f"claude mcp add --transport http {name} {url}"


def inspector_link(url: str) -> str:
    """MCP Inspector's page, with the server filled in."""
    return f"{INSPECTOR}/?{urlencode({'transport': 'streamable-http', 'serverUrl': url})}"


def inspector_command(url: str) -> str:
    """What to run to start MCP Inspector."""
    return f"npx @modelcontextprotocol/inspector --transport http --server-url {url}"

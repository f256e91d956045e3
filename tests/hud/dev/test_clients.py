"""Links and snippets that connect clients."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs, urlsplit

from hud.dev import clients

URL = "http://localhost:8765/mcp"


def test_cursors_link_carries_the_configuration() -> None:
    parts = urlsplit(clients.cursor_link("my env", URL))
    query = parse_qs(parts.query)
    assert (parts.scheme, parts.netloc, parts.path) == (
        "cursor",
        "anysphere.cursor-deeplink",
        "/mcp/install",
    )
    assert query["name"] == ["my env"]
    assert json.loads(base64.b64decode(query["config"][0])) == {"url": URL}


def test_snippets_are_what_the_editors_read() -> None:
    assert json.loads(clients.cursor_snippet("e", URL)) == {"mcpServers": {"e": {"url": URL}}}
    server = {"type": "http", "url": URL}
    assert json.loads(clients.code_snippet("e", URL)) == {"servers": {"e": server}}
    assert clients.claude_command("e", URL) == f"claude mcp add --transport http e {URL}"


def test_the_inspectors_page_has_the_server_filled_in() -> None:
    query = parse_qs(urlsplit(clients.inspector_link(URL)).query)
    assert query == {"transport": ["streamable-http"], "serverUrl": [URL]}

"""An MCP server over HTTP with two tools, in the standard library."""

import json
import secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOOLS = [
    {
        "name": "stock",
        "description": "How many of each item are in stock.",
        "inputSchema": {"type": "object", "properties": {}},
        "annotations": {"readOnlyHint": True},
    },
    {
        "name": "sell",
        "description": "Sell one item.",
        "inputSchema": {
            "type": "object",
            "properties": {"item": {"type": "string"}},
            "required": ["item"],
        },
    },
]
STOCK = {"apple": 3}


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The result of a tool call."""
    if name == "sell":
        STOCK[arguments["item"]] -= 1
    return {"content": [{"type": "text", "text": json.dumps(STOCK)}]}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a request; None if there is no such method."""
    if method == "initialize":
        server = {"name": "shop", "version": "1"}
        version = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}
        return {**version, "serverInfo": server}
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        return call(params["name"], params.get("arguments") or {})
    return None


class Handler(BaseHTTPRequestHandler):
    """One JSON-RPC message a request."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in request:
            self.reply(202, None)
            return
        result = answer(request["method"], request.get("params") or {})
        unknown = {"error": {"code": -32601, "message": "no such method"}}
        outcome = unknown if result is None else {"result": result}
        self.reply(200, {"jsonrpc": "2.0", "id": request["id"], **outcome})

    def do_GET(self) -> None:
        self.reply(405, None)

    def do_DELETE(self) -> None:
        self.reply(200, None)

    def reply(self, status: int, message: dict[str, Any] | None) -> None:
        """Send an answer, as JSON."""
        body = b"" if message is None else json.dumps(message).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Mcp-Session-Id", secrets.token_hex(8))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()

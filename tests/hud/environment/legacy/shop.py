"""An MCP server as a v4 image held one: its tools set up, are used, and grade. Run as a script.

It speaks the protocol with the standard library, so that it starts in no time; `official` as an
argument serves the same tools with the official library.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

cart: list[str] = []
pages: list[str] = []


def navigate(url: str) -> str:
    """Open a page."""
    if not url.startswith("https://"):
        raise ValueError(f"no such page: {url}")
    pages.append(url)
    return f"opened {url}"


def setup(name: str, arguments: dict[str, Any]) -> str:
    """Set up by the name of a function, as v4's hubs did."""
    pages.append(f"{name} {arguments}")
    return "set up"


def add(item: str) -> str:
    """Put an item in the cart."""
    cart.append(item)
    return f"{len(cart)} in the cart"


def visited() -> dict[str, Any]:
    """What was opened so far, and the variable that the server was started with."""
    return {"pages": pages, "key": os.environ.get("SHOP_KEY", "unset")}


def check_cart(item: str = "laptop") -> dict[str, Any]:
    """Grade the cart."""
    return {"reward": 1.0 if item in cart else 0.0, "content": f"{cart}"}


def count_cart() -> float:
    """Grade with a bare number."""
    return float(len(cart))


def praise() -> str:
    """An evaluator that forgets to grade."""
    return "well done"


TOOLS: dict[str, Callable[..., Any]] = {
    tool.__name__: tool for tool in (navigate, setup, add, visited, check_cart, count_cart, praise)
}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        about = {"name": "shop", "version": "1"}
        version = params["protocolVersion"]
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about}
    if method == "tools/list":
        return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
    if method == "tools/call":
        return call(params["name"], params.get("arguments") or {})
    return {}


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        value = TOOLS[name](**arguments)
    except (TypeError, ValueError) as exc:
        return {"content": [{"type": "text", "text": str(exc)}], "isError": True}
    content = [{"type": "text", "text": value if isinstance(value, str) else json.dumps(value)}]
    if isinstance(value, str):
        return {"content": content}
    return {
        "content": content,
        "structuredContent": value if isinstance(value, dict) else {"result": value},
    }


def serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            result = answer(request["method"], request.get("params") or {})
            reply = {"jsonrpc": "2.0", "id": request["id"], "result": result}
            sys.stdout.write(json.dumps(reply) + "\n")
            sys.stdout.flush()


def serve_officially() -> None:
    from mcp.server.mcpserver import MCPServer  # noqa: PLC0415 - slow to import

    server = MCPServer("shop")
    for tool in TOOLS.values():
        server.tool()(tool)
    server.run()


if __name__ == "__main__":
    serve_officially() if "official" in sys.argv else serve()

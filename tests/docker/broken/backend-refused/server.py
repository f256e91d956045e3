"""Asks a backend for its tools, which nobody started."""

import json
import socket
import sys


def tools() -> dict[str, object]:
    """What the backend offers."""
    with socket.create_connection(("127.0.0.1", 8005), timeout=2) as backend:
        return json.loads(backend.makefile().readline())


def answer(method: str) -> dict[str, object]:
    """The result or error for a request."""
    if method == "initialize":
        server = {"name": "shop", "version": "1"}
        version = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}
        return {"result": {**version, "serverInfo": server}}
    try:
        return {"result": tools()}
    except OSError as exc:
        told = f"cannot reach the shop at 127.0.0.1:8005: {exc}"
        return {"error": {"code": -32603, "message": told}}


for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer(request["method"])}))

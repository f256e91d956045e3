"""An image for the engine in memory: a small MCP server over standard input and output."""

from __future__ import annotations

import json
from typing import Any

import anyio

from hud.containers.fake import FakeProcess

IMAGE = "letters"
TOOL = {"name": "act", "inputSchema": {"type": "object"}}
PROMPT = {"name": "letters:count", "arguments": []}


async def serve(process: FakeProcess) -> int:
    """Answer requests until standard input ends; the tool's argument says what happens then."""
    process.complain(b"ready\n")
    pending = b""
    async for data in process.stdin:
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if "id" in request:
                await _answer(process, request)
    process.complain(b"goodbye\n")
    return 0


async def _answer(process: FakeProcess, request: dict[str, Any]) -> None:
    result = await _result(process, request["method"], request.get("params") or {})
    reply = {"jsonrpc": "2.0", "id": request["id"], "result": result}
    await process.write(json.dumps(reply).encode() + b"\n")


async def _result(process: FakeProcess, method: str, params: dict[str, Any]) -> dict[str, Any]:
    listed: dict[str, dict[str, Any]] = {
        "tools/list": {"tools": [TOOL]},
        "prompts/list": {"prompts": [PROMPT]},
    }
    if method == "initialize":
        offered: dict[str, Any] = {"tools": {}, "prompts": {}}
        server = {"name": "letters", "version": "1"}
        return {"protocolVersion": "2025-06-18", "capabilities": offered, "serverInfo": server}
    if method == "tools/call":
        return await _act(process, params["arguments"].get("how", ""))
    return listed[method]


async def _act(process: FakeProcess, how: str) -> dict[str, Any]:
    if how == "hog":
        raise MemoryError
    if how == "hang":
        await anyio.sleep_forever()
    if how == "print":
        await process.write(b"a line that is no message\n")
    return {"content": [{"type": "text", "text": process.env.get("WORD", "done")}]}


async def silent(process: FakeProcess) -> int:
    """End at once, with a complaint."""
    process.complain(b"ModuleNotFoundError: No module named 'absent'\n")
    return 1

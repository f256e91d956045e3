"""An MCP server over stdin and stdout with a tool and two scenarios, in the standard library."""

import json
import sys
from typing import Any

COUNT = {
    "name": "letters:count",
    "description": "Count a letter in a word.",
    "arguments": [{"name": "word", "required": True}, {"name": "letter", "required": False}],
    "_meta": {
        "arguments": [
            {"name": "word", "required": True, "inputSchema": {"type": "string"}},
            {
                "name": "letter",
                "required": False,
                "default": "a",
                "inputSchema": {"type": "string"},
            },
        ]
    },
}
REVIEW = {
    "name": "letters:review",
    "description": "Review a date, which has to be one.",
    "arguments": [{"name": "day", "required": True}],
    "_meta": {
        "arguments": [
            {"name": "day", "required": True, "inputSchema": {"type": "string", "format": "date"}}
        ]
    },
}
PING = {
    "name": "ping",
    "description": "Say pong.",
    "inputSchema": {"type": "object", "properties": {}},
    "annotations": {"readOnlyHint": True},
}
played: dict[str, str] = {}


def listing(method: str) -> dict[str, Any] | None:
    """What is offered, for the methods that list it."""
    if method == "tools/list":
        return {"tools": [PING]}
    if method == "prompts/list":
        return {"prompts": [COUNT, REVIEW]}
    if method == "resources/list":
        names = [prompt["name"] for prompt in (COUNT, REVIEW)]
        return {"resources": [{"uri": name, "name": name} for name in names]}
    return None


def perform(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Call a tool, set a scenario up, take its answer, grade it."""
    if method == "tools/call" and params["name"] == "_hud_submit":
        played["answer"] = params["arguments"]["answer"]
    if method == "tools/call":
        return {"content": [{"type": "text", "text": "pong"}]}
    if method == "prompts/get":
        word, letter = params["arguments"]["word"], params["arguments"].get("letter", "a")
        played.update(expected=str(word.count(letter)), answer="")
        text = f"How many {letter!r} in {word!r}?"
        return {"messages": [{"role": "user", "content": {"type": "text", "text": text}}]}
    reward = float(played["answer"] == played["expected"])
    text = json.dumps({"reward": reward, "done": True})
    return {"contents": [{"uri": params["uri"], "mimeType": "application/json", "text": text}]}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """The result of a request, or its error."""
    if method == "initialize":
        offered: dict[str, Any] = {"tools": {}, "prompts": {}, "resources": {}}
        server = {"name": "letters", "version": "1"}
        version = {"protocolVersion": "2025-06-18", "capabilities": offered}
        return {"result": {**version, "serverInfo": server}}
    if method in ("tools/call", "prompts/get", "resources/read"):
        return {"result": perform(method, params)}
    found = listing(method)
    return {"result": found} if found else {"error": {"code": -32601, "message": "no such method"}}


for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        reply = answer(request["method"], request.get("params") or {})
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **reply}))

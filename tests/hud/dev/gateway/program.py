"""An MCP server of the older era on standard input and output: `python program.py [TOOL …]`."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

Json = dict[str, Any]


def say(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(value: str) -> Json:
    return {"content": [{"type": "text", "text": value}]}


def hello(message: Json) -> Json:
    version = message["params"]["protocolVersion"]
    capabilities: Json = {"tools": {}}
    return {"protocolVersion": version, "capabilities": capabilities, "serverInfo": {"name": "p"}}


def call(message: Json) -> None:
    params, number = message["params"], message["id"]
    arguments, meta = params.get("arguments", {}), params.get("_meta", {})
    match params["name"]:
        case "pid":
            say(id=number, result=text(str(os.getpid())))
        case "echo":
            say(id=number, result=text(arguments.get("text", "")), **{"x-vendor": 1})
        case "report":
            token = meta["progressToken"]
            say(method="notifications/progress", params={"progressToken": token, "progress": 1})
            say(id=number, result=text("reported"))
        case "ask":
            ask = {"message": "?", "requestedSchema": {}}
            say(id=0, method="elicitation/create", params=ask)
            answer = json.loads(sys.stdin.readline())
            say(id=number, result=text(answer["result"]["action"]))
        case "complain":
            sys.stderr.write("a line for the log\n")
            sys.stderr.flush()
            say(id=number, result=text("said"))
        case "die":
            os._exit(3)
        case "hang":
            pass


def main() -> None:
    tools = [{"name": name, "inputSchema": {}} for name in ("echo", *sys.argv[1:])]
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "initialize":
                say(id=message["id"], result=hello(message))
            case "tools/list":
                say(id=message["id"], result={"tools": tools})
            case "tools/call":
                call(message)
            case _ if "id" in message and "method" in message:
                say(id=message["id"], error={"code": -32601, "message": "no such method"})


if __name__ == "__main__":
    main()

"""A server over stdin and stdout that does what it is told: `scripted_server.py SCRIPT`, as JSON.

In the standard library alone, so that it starts at once.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PING = {
    "name": "ping",
    "description": "Do it.",
    "inputSchema": {"type": "object", "properties": {}},
    "annotations": {"readOnlyHint": True},
}


@dataclass(frozen=True)
class Script:
    """What the server does."""

    tools: list[dict[str, Any]] = field(default_factory=lambda: [PING])
    results: dict[str, str] = field(default_factory=dict)
    """Results of tools by name. `error:…` is an error; hang, exit, print and spoil are deeds."""
    scenarios: list[dict[str, Any]] = field(default_factory=list)
    prompt: str = "Count to three."
    """What setting up gives; `error:…` is an error, `{times}` counts set-ups."""
    reward: str = '{"reward": 0.0}'
    """What grading gives; `error:…` is an error."""
    journal: str = ""
    """A file that the tool `poke` writes to and the tool `peek` reads."""
    first_words: str = ""
    """Printed on stdout before anything else."""
    ignores_sigterm: bool = False
    ends_with_stdin: bool = True
    child: bool = False
    """Whether it starts a process that outlives it."""


class Serving:
    """The server's side."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.times = 0

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result of a request, or its error."""
        given = {
            "initialize": self.identity,
            "tools/list": lambda _: {"tools": self.script.tools},
            "prompts/list": lambda _: {"prompts": self.script.scenarios},
            "resources/list": self.grades,
            "tools/call": self.call,
            "prompts/get": self.set_up,
            "resources/read": self.grade,
        }
        if method not in given:
            return {"error": {"code": -32601, "message": "no such method"}}
        try:
            return {"result": given[method](params)}
        except ValueError as exc:
            return {"error": {"code": -32603, "message": str(exc)}}

    def identity(self, _: dict[str, Any]) -> dict[str, Any]:
        offered: dict[str, Any] = {"tools": {}, "prompts": {}, "resources": {}}
        server = {"name": "shop", "version": "1"}
        return {"protocolVersion": "2025-06-18", "capabilities": offered, "serverInfo": server}

    def grades(self, _: dict[str, Any]) -> dict[str, Any]:
        names = [item["name"] for item in self.script.scenarios]
        return {"resources": [{"uri": name, "name": name} for name in names]}

    def call(self, params: dict[str, Any]) -> dict[str, Any]:
        name = params["name"]
        text = self.script.results.get(name, "done")
        if name == "poke":
            with Path(self.script.journal).open("a") as journal:
                journal.write("poked ")
        if name == "peek":
            text = Path(self.script.journal).read_text()
        _do(text)
        content = [{"type": "text", "text": text.removeprefix("error:")}]
        return {"content": content, "isError": text.startswith("error:")}

    def set_up(self, _: dict[str, Any]) -> dict[str, Any]:
        self.times += 1
        text = _checked(self.script.prompt).replace("{times}", str(self.times))
        return {"messages": [{"role": "user", "content": {"type": "text", "text": text}}]}

    def grade(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"contents": [{"uri": params["uri"], "text": _checked(self.script.reward)}]}


def _checked(text: str) -> str:
    if text.startswith("error:"):
        raise ValueError(text.removeprefix("error:"))
    return text


def _do(deed: str) -> None:
    if deed == "hang":
        time.sleep(60)
    if deed == "exit":
        sys.exit(3)
    if deed == "spoil":
        _say("Loading…")
    if deed == "print":
        _say("debug: here I am\n")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def requests() -> Iterator[dict[str, Any]]:
    """The requests that come in."""
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            yield request


def main(script: Script) -> None:
    """Serve until stdin ends."""
    if script.ignores_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if script.child:
        subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _say(script.first_words)
    serving = Serving(script)
    for request in requests():
        reply = serving.answer(request["method"], request.get("params") or {})
        _say(json.dumps({"jsonrpc": "2.0", "id": request["id"], **reply}) + "\n")
    if not script.ends_with_stdin:
        time.sleep(60)


if __name__ == "__main__":
    main(Script(**json.loads(sys.argv[1])))

"""A server over stdin and stdout that does what it is told, and a target that starts it.

As a program: `scripted.py CONFIG`, with a JSON object of `Script`'s fields.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

READS = {"readOnlyHint": True}
EMPTY = {"type": "object", "properties": {}}


def tool(name: str, **fields: Any) -> dict[str, Any]:
    """A tool's definition; without arguments unless `inputSchema` says otherwise."""
    return {"name": name, "description": "Do it.", "inputSchema": EMPTY, **fields}


def scenario(name: str, arguments: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A scenario's definition, its arguments typed as published environments do it."""
    return {"name": f"shop:{name}", "description": "Play.", "_meta": {"arguments": arguments or []}}


@dataclass(frozen=True)
class Script:
    """What the server does."""

    tools: list[dict[str, Any]] = field(default_factory=lambda: [tool("ping", annotations=READS)])
    results: dict[str, str] = field(default_factory=dict)
    """Results of tools by name. `error:…` is an error; `hang`, `exit`, `print` and `spoil` are deeds."""
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


class ScriptTarget:
    """A target whose servers follow a script."""

    name = "scripted"
    kind = "module"
    found = "Script is there"
    not_found = "Script is gone"

    def __init__(self, script: Script) -> None:
        self._command = [sys.executable, __file__, json.dumps(asdict(script))]
        self._left: list[str] = []

    async def check(self) -> tuple[str, ...]:
        return ()

    @asynccontextmanager
    async def start(self) -> AsyncIterator[Any]:
        from hud.debug.targets.process import server_process

        async with server_process(self._command, Path(__file__).parent, self._left) as server:
            yield server

    async def leftovers(self) -> list[str]:
        return list(self._left)


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
        print("Loading…", end="")
    if deed == "print":
        print("debug: here I am")


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
    print(script.first_words, end="", flush=True)
    serving = Serving(script)
    for request in requests():
        reply = serving.answer(request["method"], request.get("params") or {})
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **reply}), flush=True)
    if not script.ends_with_stdin:
        time.sleep(60)


if __name__ == "__main__":
    main(Script(**json.loads(sys.argv[1])))

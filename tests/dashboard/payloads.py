"""What somebody might write into every field that a page shows, and a server that must not hear of
it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hud.client import Client
from hud.errors import Boundary
from hud.types import EvaluationResult, SubScore, TraceStep
from hud.wire import Transcript
from tests.controller.records import job, transcript

JOBS = ("hostile-1", "hostile-2")
TASKSET = "hostile"


@dataclass
class Canary:
    """A server on this machine, and the paths that were asked of it."""

    url: str
    hits: list[str] = field(default_factory=list)


@contextlib.contextmanager
def canary() -> Iterator[Canary]:
    """A server that writes down who asks it."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Canary(f"http://127.0.0.1:{server.server_port}", heard)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def payload(url: str) -> str:
    """All of it in one text: scripts, handlers, links, images, control and direction characters."""
    return (
        f"<script>fetch('{url}/script')</script>"
        f"<img src={url}/img onerror=\"alert('handler')\">"
        f"![picture]({url}/markdown.png)[link](javascript:alert('link'))"
        f"<svg onload=\"fetch('{url}/svg')\"><image href='{url}/svg.png'/></svg>"
        f"<iframe src='{url}/frame'></iframe><a href='{url}/a'>a</a> {url}/bare www.evil.example"
        f":material/home: :red[red] $x$ `code` <style>@import '{url}/css'</style>"
        "\u202etxet\u202c \x1b[31mred\x1b[0m \ufeffend"
    )


def short(url: str) -> str:
    """A payload that fits where names go."""
    return f"<img src={url}/n onerror=alert(1)>![x]({url}/m)"


def environment_source(url: str) -> str:
    """An environment that says it everywhere."""
    text, name = payload(url), short(url)
    return f'''"""An environment whose author means no good."""

import mcp_types
from hud import Environment

TEXT = {text!r}
env = Environment("hostile")
print(TEXT)


@env.tool(description=TEXT)
def say(what: str = TEXT) -> list[mcp_types.ContentBlock]:
    svg = "PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+"
    return [
        mcp_types.TextContent(type="text", text=TEXT),
        mcp_types.ImageContent(type="image", data=svg, mimeType="image/svg+xml"),
        mcp_types.ResourceLink(type="resource_link", name={name!r}, uri="{url}/linked"),
    ]


@env.scenario("ask", description=TEXT)
async def ask(what: str = TEXT):
    yield TEXT
    yield {{"reward": 0.5, "content": TEXT}}
'''


def seed(client: Client, url: str) -> None:
    """A taskset and two jobs with it in every field."""
    text, name = payload(url), short(url)
    task = {
        "slug": "a",
        "scenario": name,
        "env": {"name": "hostile"},
        "args": {"word": text, name: text},
        "columns": {name: name, "note": text},
        "metadata": {name: text},
    }
    client.save_tasks(TASKSET, [task])
    for number, identity in enumerate(JOBS):
        record = job(identity, "a", "b", name=text, command=["hud", text], seed=name)
        client.record_job(record, TASKSET)
        client.record_rollouts(identity, _transcripts(identity, text, name, number))
        client.finish_job(identity, "finished", 1.0)


def _transcripts(identity: str, text: str, name: str, number: int) -> list[Transcript]:
    graded = EvaluationResult(
        reward=float(number), content=text, info={name: text},
        subscores=[SubScore(name=name, value=float(number), weight=1.0)],
    )  # fmt: skip
    said: dict[str, Any] = {
        "columns": {name: name},
        "scenario": name,
        "args": {name: text},
        "answer": text,
    }
    good = transcript(identity, "a", reward=float(number), evaluation=graded, **said)
    boundary: Boundary = "setup"
    bad = transcript(
        identity, "b", status="failed", reward=None, boundary=boundary, error=text, hint=text
    )
    steps = [
        TraceStep(kind="environment", name=name, request={name: text}, result=text),
        TraceStep(kind="model", name=name, result={"content": text, "reasoning": text}),
        TraceStep(kind="tool", name=name, request={name: text}, result=_blocks(text), error=text),
    ]
    shown = {"prompt": text, "steps": steps, "log": text, "detail": text, "info": {name: text}}
    messages = [{"role": "user", "content": text}]
    return [item.model_copy(update=shown | {"messages": messages}) for item in (good, bad)]


def _blocks(text: str) -> dict[str, object]:
    svg = "PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+"
    return {
        "content": [
            {"type": "text", "text": text},
            {"type": "image", "data": svg, "mimeType": "image/svg+xml"},
            {"type": "image", "data": text, "mimeType": text},
            {"type": "resource", "resource": {"uri": text, "text": text, "mimeType": text}},
            {"type": text, "text": text},
        ]
    }

"""A model provider that needs no network: OpenAI chat completions, OpenAI Responses, Anthropic
Messages and Gemini's generateContent over HTTP.

`python -m tests.fake_provider --port 0` prints its URL and serves until it is stopped; `running()`
is the same as a context manager for tests. The model's name says how it behaves, or the part after
a `~` does: `fixed:42`, `gpt-5.4~errors:2:503`. Any other name gets the default behaviour,
`letter-counter`, which `--behaviour` or `POST /control` replaces. `GET /stats` counts requests,
`GET /requests` shows the newest bodies.

    letter-counter    calls the tool `count_letter`, then answers with what it returned
    parallel:N        calls `count_letter` N times in one turn, then answers
    direct            answers the letter-counting question without a tool
    fixed:TEXT        answers TEXT
    echo              answers the newest text of a tool, else of the user
    images            calls a tool, if there is one, then answers how many images it was sent
    call:NAME:JSON    calls the tool NAME with those arguments, then answers with its result
    do:NAME:JSON      calls the tool NAME with those arguments, whatever was called before; for one
                      of OpenAI's own tools, they are fields of the item that asks
    bad-json          calls a tool with arguments that are no JSON, then answers with its result
    loop              calls a tool in every turn and never answers
    cut               reaches its token limit in the middle of the text
    slow:MS           waits, then does as the default
    hang              never answers
    status:STATUS     refuses every request
    errors:N:STATUS   refuses each request N times, then does as the default
    limited:SECONDS   429 with that Retry-After (or `date`) once a request, then as the default
    garbage           a body that is no JSON
    empty             an answer without content
    wrong-shape       JSON of another shape
    broken-stream     a streamed answer that ends in an error event
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any
from urllib.request import urlopen

import uvicorn

from tests.fake_events import (
    Json,
    asked_events,
    chat_events,
    gemini_events,
    messages_events,
    responses_events,
)
from tests.fake_requests import (
    Request,
    read_chat,
    read_gemini,
    read_messages,
    read_responses,
)

Send = Callable[[Json], Awaitable[None]]
Receive = Callable[[], Awaitable[Json]]

DEFAULT = "letter-counter"
ROOT = Path(__file__).resolve().parents[1]
INPUT, OUTPUT, CACHED = 100, 20, 40
"""Tokens that every answer says it used."""


@dataclass
class Reply:
    """What the model says: text, tool calls as (name, JSON arguments), and why it stopped."""

    text: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    cut: bool = False


@dataclass
class Refusal(Exception):
    """An HTTP error instead of an answer."""

    status: int
    headers: Json = field(default_factory=dict)


class RawBody(Exception):
    """A body that is sent as it is."""


def count_calls(request: Request, times: int = 1) -> Reply:
    """Call the letter counter, or say what it returned."""
    letter, word = request.question
    if request.results:
        return Reply(f"The letter occurs {request.results[-1]} times.")
    tool = next((name for name in request.tools if name.endswith("count_letter")), None)
    if tool is None:
        return direct(request)
    return Reply(calls=[(tool, json.dumps({"text": word, "letter": letter}))] * times)


def direct(request: Request) -> Reply:
    letter, word = request.question
    return Reply(f"The letter occurs {word.count(letter)} times." if word else "I do not know.")


def echo(request: Request) -> Reply:
    return Reply((request.results or request.texts)[-1])


def images(request: Request) -> Reply:
    if request.tools and not request.results:
        return Reply(calls=[(request.tools[0], "{}")])
    body = json.dumps(request.body)
    return Reply(str(len(re.findall(r'"type": ?"(?:image_url|input_image|image)"', body))))


def loop(request: Request) -> Reply:
    return Reply(calls=[(request.tools[0], "{}")])


def bad_json(request: Request) -> Reply:
    return (
        echo(request) if request.results else Reply(calls=[(request.tools[0], '{"text": "straw')])
    )


def call(request: Request, name: str, arguments: str = "{}") -> Reply:
    return echo(request) if request.results else Reply(calls=[(name, arguments)])


def do(request: Request, name: str, arguments: str = "{}") -> Reply:
    return Reply(calls=[(name, arguments)])


def fixed(request: Request, text: str) -> Reply:
    return Reply(text)


def cut(request: Request) -> Reply:
    return Reply("The letter occ", cut=True)


def status(request: Request, code: str) -> Reply:
    raise Refusal(int(code))


def garbage(request: Request) -> Reply:
    raise RawBody("<html>Bad gateway</html>")


def wrong_shape(request: Request) -> Reply:
    raise RawBody('{"choices": "none", "output": 7, "content": 7}')


def empty(request: Request) -> Reply:
    raise RawBody('{"id": "x", "choices": [], "output": [], "content": []}')


BEHAVIOURS: dict[str, Callable[..., Reply]] = {
    "letter-counter": count_calls,
    "parallel": lambda request, times: count_calls(request, int(times)),
    "direct": direct,
    "echo": echo,
    "images": images,
    "loop": loop,
    "bad-json": bad_json,
    "call": call,
    "do": do,
    "fixed": fixed,
    "cut": cut,
    "status": status,
    "garbage": garbage,
    "empty": empty,
    "wrong-shape": wrong_shape,
}
DISTURBANCES = ("errors", "limited", "slow", "hang", "broken-stream")


def chat_body(request: Request, reply: Reply) -> Json:
    calls = [
        {
            "id": f"call_{index}",
            "type": "function",
            "function": dict(name=name, arguments=arguments),
        }
        for index, (name, arguments) in enumerate(reply.calls)
    ]
    said = {"role": "assistant", "content": reply.text or None}
    reason = "length" if reply.cut else "tool_calls" if calls else "stop"
    message = said | ({"tool_calls": calls} if calls else {})
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 1,
        "model": request.body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": INPUT,
            "completion_tokens": OUTPUT,
            "total_tokens": INPUT + OUTPUT,
            "prompt_tokens_details": {"cached_tokens": CACHED},
        },
    }


def responses_body(request: Request, reply: Reply) -> Json:
    done = {"status": "completed"}
    text = {"type": "output_text", "text": reply.text, "annotations": []}
    message = {"type": "message", "id": "msg_0", "role": "assistant", "content": [text]} | done
    calls = [
        {"id": f"fc_{index}", "call_id": f"call_{index}"} | done | item_for(request, *call)
        for index, call in enumerate(reply.calls)
    ]
    return {
        "id": "resp_fake",
        "object": "response",
        "created_at": 1,
        "model": request.body["model"],
        "status": "incomplete" if reply.cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if reply.cut else None,
        "output": ([message] if reply.text else []) + calls,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": INPUT,
            "input_tokens_details": {"cached_tokens": CACHED},
            "output_tokens": OUTPUT,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": INPUT + OUTPUT,
        },
    }


def item_for(request: Request, name: str, arguments: str) -> Json:
    """The item that calls a tool: one of the provider's own has a type of its own."""
    types = {tool["type"] for tool in request.body.get("tools") or []}
    if name not in types:
        return {"type": "function_call", "name": name, "arguments": arguments}
    kind = "computer" if name.startswith("computer") else name
    asked: Json = json.loads(arguments)
    checks: Json = {"pending_safety_checks": []} if kind == "computer" else {}
    return {"type": f"{kind}_call"} | checks | asked


def messages_body(request: Request, reply: Reply) -> Json:
    text = [{"type": "text", "text": reply.text}] if reply.text else []
    calls = [
        {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": json_or_text(arguments)}
        for index, (name, arguments) in enumerate(reply.calls)
    ]
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": request.body["model"],
        "content": text + calls,
        "stop_reason": "max_tokens" if reply.cut else "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": INPUT - CACHED,
            "cache_read_input_tokens": CACHED,
            "cache_creation_input_tokens": 0,
            "output_tokens": OUTPUT,
        },
    }


def gemini_body(request: Request, reply: Reply) -> Json:
    text = [{"text": reply.text}] if reply.text else []
    calls = [
        {"functionCall": {"id": f"fc_{index}", "name": name, "args": json.loads(arguments)}}
        for index, (name, arguments) in enumerate(reply.calls)
    ]
    content = {"role": "model", "parts": text + calls}
    reason = "MAX_TOKENS" if reply.cut else "STOP"
    return {
        "candidates": [{"content": content, "finishReason": reason, "index": 0}],
        "usageMetadata": {
            "promptTokenCount": INPUT,
            "candidatesTokenCount": OUTPUT,
            "cachedContentTokenCount": CACHED,
        },
    }


def json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def embeddings_body() -> Json:
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
    usage = {"prompt_tokens": INPUT, "total_tokens": INPUT}
    return {"object": "list", "model": "fake", "data": data, "usage": usage}


def no_events(whole: Json) -> Iterator[Json]:
    """The whole answer: there are no streams of these."""
    yield whole


@dataclass(frozen=True)
class Protocol:
    """How one of the APIs reads a request and writes an answer, whole or as events."""

    read: Callable[[str, Json], Request]
    write: Callable[[Request, Reply], Json]
    events: Callable[[Json], Iterator[Json]]


PROTOCOLS = {
    "/chat/completions": Protocol(read_chat, chat_body, chat_events),
    "/responses": Protocol(read_responses, responses_body, responses_events),
    "/messages": Protocol(read_messages, messages_body, messages_events),
    ":generateContent": Protocol(read_gemini, gemini_body, gemini_events),
    "/embeddings": Protocol(Request, lambda *_: embeddings_body(), no_events),
    "/count_tokens": Protocol(Request, lambda *_: {"input_tokens": INPUT}, no_events),
}


class Provider:
    """The server's state, and the ASGI application."""

    def __init__(self, behaviour: str = DEFAULT) -> None:
        self.default = behaviour
        self.reset()

    def reset(self) -> None:
        self.script: deque[str] = deque()
        self.counts: Counter[str] = Counter()
        self.seen: Counter[bytes] = Counter()
        self.recorded: deque[Json] = deque(maxlen=50)
        self.in_flight = self.max_concurrent = 0

    async def __call__(self, scope: Json, receive: Receive, send: Send) -> None:
        path, raw = scope["path"], await read_body(receive)
        protocol = next((PROTOCOLS[end] for end in PROTOCOLS if path.endswith(end)), None)
        if protocol is None:
            await self.serve_control(path, raw, send)
            return
        self.in_flight += 1
        self.max_concurrent = max(self.max_concurrent, self.in_flight)
        try:
            await self.serve_model(protocol, scope, raw, send)
        finally:
            self.in_flight -= 1

    async def serve_control(self, path: str, raw: bytes, send: Send) -> None:
        if path == "/control":
            self.control(json.loads(raw))
        answers: dict[str, Any] = {
            "/stats": {
                "requests": sum(self.counts.values()),
                "by_path": self.counts,
                "max_concurrent": self.max_concurrent,
            },
            "/requests": list(self.recorded),
            "/control": {"default": self.default, "script": list(self.script)},
        }
        await send_json(send, 200 if path in answers else 404, answers.get(path, error_body(404)))

    def control(self, order: Json) -> None:
        if order.get("reset"):
            self.reset()
        self.default = order.get("default", self.default)
        self.script.extend(order.get("script", []))

    async def serve_model(self, protocol: Protocol, scope: Json, raw: bytes, send: Send) -> None:
        body = json.loads(raw)
        request = protocol.read(scope["path"], body)
        self.counts[scope["path"]] += 1
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.recorded.append({"path": request.path, "headers": headers, "body": body})
        try:
            name, arguments = self.behaviour(body.get("model", ""))
            broken = await self.disturb(name, arguments, raw)
            reply = BEHAVIOURS.get(name, count_calls)(
                request, *([] if name in DISTURBANCES else arguments)
            )
            whole = protocol.write(request, reply)
        except Refusal as refusal:
            await send_json(send, refusal.status, error_body(refusal.status), refusal.headers)
        except RawBody as answer:
            await send_bytes(send, 200, str(answer).encode(), {})
        else:
            if body.get("stream"):
                events = asked_events(protocol.events(whole), body)
                await send_events(send, events, broken=broken)
            else:
                await send_json(send, 200, whole)

    def behaviour(self, model: str) -> tuple[str, list[str]]:
        """This request's behaviour and its arguments: the script's, the model's, or the default."""
        asked = self.script.popleft() if self.script else model.rpartition("~")[2]
        if asked.partition(":")[0] not in (*BEHAVIOURS, *DISTURBANCES):
            asked = self.default
        name, _, rest = asked.partition(":")
        if not rest:
            return name, []
        return name, [rest] if name == "fixed" else rest.split(":", 1)

    async def disturb(self, name: str, arguments: list[str], raw: bytes) -> bool:
        """Wait or refuse as the behaviour says; True if the stream shall break."""
        if name == "slow":
            await asyncio.sleep(float(arguments[0]) / 1000)
        if name == "hang":
            await asyncio.sleep(3600)
        if name in ("errors", "limited"):
            self.seen[raw] += 1
        if name == "errors" and self.seen[raw] <= int(arguments[0]):
            raise Refusal(int(arguments[1]))
        if name == "limited" and self.seen[raw] == 1:
            now = formatdate(time(), usegmt=True)
            raise Refusal(429, {"retry-after": now if arguments == ["date"] else arguments[0]})
        return name == "broken-stream"


def error_body(code: int) -> Json:
    message = f"fake {code}: 5 things went wrong"
    return {"type": "error", "error": {"type": "fake_error", "message": message}}


async def read_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    return body


async def send_json(send: Send, code: int, value: Any, headers: Json | None = None) -> None:
    await send_bytes(send, code, json.dumps(value).encode(), headers or {})


async def send_bytes(send: Send, code: int, body: bytes, headers: Json) -> None:
    lines = {"content-type": "application/json", "content-length": str(len(body))} | headers
    pairs = [(name.encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": code, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def send_events(send: Send, events: Iterator[Json], *, broken: bool) -> None:
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    values = list(events)
    named = "type" in values[0]
    for value in [*values[:1], error_body(529)] if broken else values:
        head = f"event: {value['type']}\n" if named else ""
        chunk = f"{head}data: {json.dumps(value)}\n\n".encode()
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"" if named else b"data: [DONE]\n\n"})


@dataclass(frozen=True)
class Running:
    """A provider that runs in a process of its own."""

    url: str

    @property
    def openai_url(self) -> str:
        """What `OPENAI_BASE_URL` is to be set to."""
        return f"{self.url}/v1"

    @property
    def stats(self) -> Json:
        return self._ask("/stats")  # type: ignore[no-any-return]

    @property
    def requests(self) -> list[Json]:
        """The newest requests: path, headers and body."""
        return self._ask("/requests")  # type: ignore[no-any-return]

    def control(self, **order: Any) -> None:
        """Set `default`, extend `script` (a behaviour for each coming request), or `reset=True`."""
        self._ask("/control", json.dumps(order).encode())

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        with urlopen(f"{self.url}{path}", body, timeout=5) as answer:
            return json.load(answer)


@contextmanager
def running(behaviour: str = DEFAULT) -> Iterator[Running]:
    """A provider in a process of its own, on a free port of this machine."""
    command = [
        sys.executable,
        "-m",
        "tests.fake_provider",
        "--port",
        "0",
        "--behaviour",
        behaviour,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield Running(process.stdout.readline().strip())
        finally:
            process.kill()


class Server(uvicorn.Server):
    """A server that prints its URL once it listens."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        sys.stdout.write(f"http://{host}:{port}\n")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="A model provider that needs no network.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--behaviour", default=DEFAULT, help="for models whose name says none")
    options = parser.parse_args()
    config = uvicorn.Config(
        Provider(options.behaviour),
        port=options.port,
        log_level="warning",
        access_log=False,
        lifespan="off",
    )
    Server(config).run()


if __name__ == "__main__":
    main()

"""What the gateway keeps of answers: their use, and the answers themselves where that was asked
for; and how it passes them on.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from controller.model_gateway import gateway as gateway_module
from controller.model_gateway.cache import ResponseCache, is_whole, key_of
from controller.model_gateway.usage import UsageBook, UsageHider, UsageReader
from hud.errors import UserError
from hud.wire.models import ModelUsage
from tests import fake_provider
from tests.controller.model_gateway.conftest import Served, serving

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
SECONDS = 10.0


def body(model: str = "gpt-5.4~fixed:42", **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}


def post(
    served: Served, path: str = CHAT, content: dict[str, object] | None = None, **headers: str
) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{served.url}{path}"
    return httpx2.post(url, json=content or body(), headers=named, timeout=SECONDS)


async def used(served: Served, job: str | None, requests: int = 1) -> ModelUsage:
    """What a job used, once so many requests are written down."""
    deadline = time.monotonic() + SECONDS
    while True:
        found = await served.gateway.usage(job)
        if found and found[0].requests == requests:
            return found[0]
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        (CHAT, False),
        (CHAT, True),
        ("/v1/responses", False),
        ("/v1/responses", True),
        ("/v1/messages", False),
        ("/v1/messages", True),
    ],
    ids=["chat", "chat-stream", "responses", "responses-stream", "messages", "messages-stream"],
)
async def test_tokens_of_every_protocol_are_counted(
    served: Served, path: str, stream: bool
) -> None:
    content = body(stream=stream, max_tokens=9, input="hello")
    assert post(served, path, content, x_hud_job="job-1").status_code == 200
    found = await used(served, "job-1")
    assert found.usage.input_tokens == fake_provider.INPUT
    assert found.usage.output_tokens == fake_provider.OUTPUT
    assert found.usage.cached_tokens == fake_provider.CACHED
    assert 0 < found.slowest <= found.seconds


async def test_a_call_is_written_down_with_the_rollout_that_asked(served: Served) -> None:
    post(served, x_hud_job="job-1", x_hud_rollout="a.gpt.0")
    await used(served, "job-1")
    line = (served.folder / "jobs" / "job-1.jsonl").read_text()
    assert json.loads(line)["rollout"] == "a.gpt.0"


async def test_requests_are_counted_for_the_job_that_their_address_names(served: Served) -> None:
    post(served, "/v1/jobs/job-2/v1/chat/completions")
    post(served, content=body("gpt-5.4~status:500"), x_hud_job="job-2")
    post(served)
    both = await used(served, "job-2", 1)
    assert (both.failed, (await used(served, None)).requests) == (0, 1)
    assert sorted(item.failed for item in await served.gateway.usage("job-2")) == [0, 1]


async def test_a_job_that_is_no_job_is_refused(served: Served) -> None:
    assert post(served, x_hud_job="../x").status_code == 400
    with pytest.raises(UserError, match="no job's id"):
        await served.gateway.usage("../x")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_repeated_request_is_answered_from_the_cache(
    served: Served, provider: fake_provider.Running, stream: bool
) -> None:
    first = post(served, content=body(stream=stream), x_hud_cache="1", x_hud_job="j")
    await used(served, "j", 1)
    second = post(served, content=body(stream=stream), x_hud_cache="1", x_hud_job="j")
    assert second.headers["x-hud-cache"] == "hit"
    assert (second.content, second.headers["content-type"]) == (
        first.content,
        first.headers["content-type"],
    )
    assert provider.stats["requests"] == 1
    assert (await used(served, "j", 2)).from_cache == 1


async def test_repetitions_of_a_task_have_answers_of_their_own(
    served: Served, provider: fake_provider.Running
) -> None:
    for number, rollout in enumerate(("a.m.0", "a.m.1", "b.m.0", "a.m.1"), start=1):
        post(served, x_hud_cache="1", x_hud_job="j", x_hud_rollout=rollout)
        await used(served, "j", number)
    assert provider.stats["requests"] == 2


STREAMED = [({}, 2), ({"stream_options": {"include_usage": True}}, 3)]


@pytest.mark.parametrize(("more", "events"), STREAMED, ids=["untold", "told"])
async def test_a_stream_tells_its_use_only_to_who_asked(
    served: Served, more: dict[str, object], events: int
) -> None:
    told = post(served, CHAT, body(stream=True) | more, x_hud_job="j").text
    assert told.count("data: {") == events
    assert told.rstrip().endswith("data: [DONE]")
    assert ("usage" in told) == bool(more)
    assert (await used(served, "j")).usage.output_tokens == fake_provider.OUTPUT


async def test_another_request_or_none_that_asks_for_it_is_not_answered_from_the_cache(
    served: Served, provider: fake_provider.Running
) -> None:
    post(served, x_hud_cache="1", x_hud_job="j")
    await used(served, "j", 1)
    post(served, content=body(temperature=0.1), x_hud_cache="1")
    post(served)
    assert provider.stats["requests"] == 3


@pytest.mark.parametrize(
    "model", ["gpt-5.4~status:500", "gpt-5.4~broken-stream", "gpt-5.4~garbage"]
)
async def test_what_went_wrong_is_never_kept(
    served: Served, provider: fake_provider.Running, model: str
) -> None:
    for number in (1, 2):
        post(served, content=body(model, stream=True), x_hud_cache="1", x_hud_job="j")
        await used(served, "j", number)
    assert provider.stats["requests"] == 2
    assert list(served.folder.glob("cache/*/*")) == []


async def test_a_client_that_goes_away_ends_the_request_at_the_provider(served: Served) -> None:
    content = body("gpt-5.4~hang")
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(f"{served.url}{CHAT}", json=content, headers={"x-hud-job": "j"}, timeout=0.3)
    assert ((await used(served, "j")).failed, served.gateway.under_way) == (1, 0)


async def test_a_stream_is_passed_on_as_it_comes(served: Served) -> None:
    may_end = threading.Event()
    upstream = FastAPI()

    async def parts() -> AsyncIterator[bytes]:
        yield b'data: {"choices": []}\n\n'
        await asyncio.to_thread(may_end.wait, SECONDS)
        yield b"data: [DONE]\n\n"

    upstream.add_api_route(
        "/chat/completions",
        lambda: StreamingResponse(parts(), media_type="text/event-stream"),
        methods=["POST"],
    )
    with serving(upstream) as url:
        served.secrets.known["OPENAI_BASE_URL"] = url
        asked = httpx2.stream(
            "POST", f"{served.url}{CHAT}", json=body(stream=True), timeout=SECONDS
        )
        with asked as answer:
            lines = answer.iter_lines()
            assert next(lines) == 'data: {"choices": []}'
            assert served.gateway.under_way == 1
            may_end.set()
            assert [line for line in lines if line] == ["data: [DONE]"]


async def test_too_many_requests_are_told_to_wait(
    served: Served,
) -> None:
    served.gateway.under_way = gateway_module.MOST_REQUESTS
    refused = post(served)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")


async def test_the_providers_and_what_they_have_are_listed(served: Served) -> None:
    found = {item.name: item for item in served.gateway.providers()}
    assert [found[name].configured for name in ("openai", "anthropic", "gemini")] == [
        True,
        True,
        False,
    ]
    models = {item.name: item for item in await served.gateway.models()}
    assert models["openai"].error == "answered 404"
    assert httpx2.get(f"{served.url}/v1/models").json() == {"object": "list", "data": []}


def test_a_key_covers_the_whole_request() -> None:
    same = key_of("chat", "http://a", {"x": 1, "y": 2}, {"accept": "*/*"})
    assert same == key_of("chat", "http://a", {"y": 2, "x": 1}, {})
    others = [
        key_of("responses", "http://a", {"x": 1, "y": 2}, {}),
        key_of("chat", "http://b", {"x": 1, "y": 2}, {}),
        key_of("chat", "http://a", {"x": 1, "y": 3}, {}),
        key_of("chat", "http://a", {"x": 1, "y": 2}, {"anthropic-beta": "b"}),
    ]
    assert len({same, *others}) == 5


def test_a_full_cache_forgets_what_was_not_asked_for_the_longest(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path, most_bytes=3000)
    for number in range(3):
        cache.put(f"{number:064}", "application/json", json.dumps({"x": "y" * 900}).encode())
        os.utime(tmp_path / "00" / f"{number:062}", (number, number))
    assert cache.get(f"{0:064}") is not None
    cache.put(f"{3:064}", "application/json", json.dumps({"x": "y" * 900}).encode())
    kept = [number for number in range(4) if cache.get(f"{number:064}")]
    assert (0 in kept, 1 in kept, 3 in kept) == (True, False, True)


@pytest.mark.parametrize(
    ("content_type", "content", "whole"),
    [
        ("application/json", b'{"id": 1}', True),
        ("application/json", b'{"error": {"code": 1}}', False),
        ("application/json", b'{"id": ', False),
        ("text/event-stream", b"data: {}\n\ndata: [DONE]\n\n", True),
        ("text/event-stream", b"data: {}\n\n", False),
        ("text/event-stream", b"event: error\ndata: {}\n\ndata: [DONE]\n\n", False),
    ],
    ids=["json", "error", "cut", "stream", "cut-stream", "broken-stream"],
)
def test_only_whole_answers_count_as_whole(content_type: str, content: bytes, whole: bool) -> None:
    assert is_whole(content_type, content) is whole


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_use_is_hidden_however_a_stream_is_cut(size: int) -> None:
    said = 'data: {"choices": [{"delta": {"content": ", \\"usage\\": null"}}]%s}\r\n\r\n'
    last = 'data: {"choices": [], "usage": {"prompt_tokens": 3}}\n\n'
    null = ', "usage": null'
    stream = f"{said % null}: alive\n\n{last}data: [DONE]\n\nrest".encode()
    hider = UsageHider()
    cut = [stream[start : start + size] for start in range(0, len(stream), size)]
    shown = b"".join(hider.feed(part) for part in cut) + bytes(hider.rest)
    assert shown.decode() == f"{said % ''}: alive\n\ndata: [DONE]\n\nrest"


def test_use_is_found_however_a_stream_is_cut() -> None:
    stream = b'data: {"usage": {"prompt_tokens": 7, "completion_tokens": 2}}\n\ndata: [DONE]\n\n'
    reader = UsageReader("text/event-stream; charset=utf-8")
    for position in range(len(stream)):
        reader.feed(stream[position : position + 1])
    assert (reader.finish().input_tokens, reader.usage.output_tokens) == (7, 2)


def test_half_a_line_of_a_dead_process_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "job.jsonl").write_text('{"at": "2026-')
    assert UsageBook(tmp_path).read("job") == []


def test_what_old_jobs_used_is_forgotten(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / f"{name}.jsonl").touch()
    os.utime(tmp_path / "old.jsonl", (1000, 1000))
    UsageBook(tmp_path).forget_before(datetime.fromtimestamp(2000, UTC))
    assert [path.stem for path in tmp_path.iterdir()] == ["new"]

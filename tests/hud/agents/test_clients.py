"""Clients and connections are made once for an event loop, and closed with it."""

from __future__ import annotations

import asyncio
import json
from functools import partial

import anyio
import httpx2
import pytest

from hud.agents.clients import ConnectionStack, shared_client
from tests.fake_provider import Running


def test_a_client_is_made_once_for_its_key_and_loop() -> None:
    made: list[httpx2.AsyncClient] = []

    def make(http: httpx2.AsyncClient) -> object:
        made.append(http)
        return object()

    async def use() -> set[int]:
        async with anyio.create_task_group() as group:
            for _ in range(1000):
                group.start_soon(shared_client, "key", make)
        return {id(await shared_client("key", make)), id(await shared_client("other", make))}

    assert len(asyncio.run(use())) == 2
    assert made[0] is made[1]
    assert made[0].is_closed
    asyncio.run(use())
    assert (len(made), made[2] is made[0]) == (4, False)


@pytest.mark.anyio
async def test_a_connection_is_used_again(provider: Running) -> None:
    stack = ConnectionStack()
    async with httpx2.AsyncClient(transport=stack) as client:
        for _ in range(5):
            await client.get(f"{provider.url}/stats")
    assert len(stack._opened) == 1


@pytest.mark.anyio
async def test_there_are_no_more_connections_than_requests_at_a_time(provider: Running) -> None:
    stack = ConnectionStack()
    body = {"model": "slow:50", "messages": [{"role": "user", "content": "hi"}]}
    async with httpx2.AsyncClient(transport=stack) as client:
        for _ in range(2):
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(
                        partial(client.post, f"{provider.url}/v1/chat/completions", json=body)
                    )
    assert 1 < len(stack._opened) <= 10


@pytest.mark.anyio
async def test_a_request_that_was_given_up_leaves_its_connection_usable(provider: Running) -> None:
    stack = ConnectionStack()
    body = {"model": "hang", "messages": [{"role": "user", "content": "hi"}]}
    async with httpx2.AsyncClient(transport=stack) as client:
        with anyio.move_on_after(0.05):
            await client.post(f"{provider.url}/v1/chat/completions", json=body)
        with pytest.raises(httpx2.ConnectError):
            await client.get("http://127.0.0.1:9/")
        answer = await client.get(f"{provider.url}/stats")
    assert json.loads(answer.text)["requests"] == 1
    assert len(stack._opened) == 2

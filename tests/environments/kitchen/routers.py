"""The agent's tools, in two groups: the waiter's and the cook's."""

from __future__ import annotations

import os
from typing import Any

import httpx2

from hud.server import MCPRouter

waiter = MCPRouter(name="waiter")
cook = MCPRouter("cook")


def backend() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=os.environ["KITCHEN_URL"], timeout=10)


async def ask(method: str, path: str, **options: Any) -> Any:
    async with backend() as client:
        answer = await client.request(method, path, **options)
        if answer.status_code >= 400:
            raise RuntimeError(answer.json()["detail"])
        return answer.json()


@waiter.tool
async def order(dish: str, guest: str) -> dict[str, Any]:
    """Take an order."""
    return await ask("POST", "/orders", json={"dish": dish, "guest": guest})


@waiter.tool()
async def orders() -> list[dict[str, str]]:
    """All orders."""
    return await ask("GET", "/orders")


@cook.tool(name="stock", description="What there is.")
async def whole_stock() -> dict[str, int]:
    return await ask("GET", "/stock")

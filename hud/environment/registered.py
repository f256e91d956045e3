"""Connecting to environments that a controller has registered: each connection gets an instance of
its own, which ends with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx2

from hud.environment.mcp_client import open_url
from hud.environment.session import Connection
from hud.errors import ControllerUnavailable, UserError
from hud.settings import controller_token, get_settings

SECONDS = 30.0
API = "/api/v1"


@asynccontextmanager
async def open_registered(slug: str) -> AsyncIterator[Connection]:
    """Connect to a fresh instance of `organisation/name`, or `name`.

    Raises:
        ControllerUnavailable: no controller answers.
        UserError: it has no environment of that name; the hint has near ones.
    """
    organisation, _, name = slug.rpartition("/")
    path = f"{quote(organisation or 'local', safe='')}/{quote(name, safe='')}"
    base = get_settings().controller_url.rstrip("/")
    async with httpx2.AsyncClient(base_url=base, headers=_headers(), timeout=SECONDS) as http:
        await _ask(http, f"{API}/registry/{path}")
        health = await _ask(http, f"{API}/health")
    async with open_url(f"{_root(health['mcp_url'])}/hub/{path}/mcp", None, slug) as connection:
        yield connection


def _headers() -> dict[str, str]:
    token = controller_token()
    return {"Authorization": f"Bearer {token}"} if token else {}


def _root(url: str) -> str:
    return url.rstrip("/").removesuffix("/mcp")


async def _ask(http: httpx2.AsyncClient, path: str) -> dict[str, Any]:
    try:
        answer = await http.get(path)
    except httpx2.HTTPError as exc:
        reason = f"no controller answers at {http.base_url}: {exc}"
        raise ControllerUnavailable(reason, hint="start it with ./scripts/up.sh") from exc
    try:
        said: dict[str, Any] = answer.json()
    except ValueError:
        said = {}
    if not answer.is_success:
        told = said.get("detail") or said.get("title") or f"HTTP {answer.status_code}"
        raise UserError(str(told), hint=said.get("hint"))
    return said

"""HTTP APIs as MCP servers, through the optional FastMCP library: each operation becomes a tool."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2

from hud.errors import UserError, describe

URL_SCHEMES = ("http://", "https://")
INSTALL = "pip install 'hud-local[openapi]'"


def server_from_fastapi(app: Any, name: str, include_hidden: bool) -> Any:
    """A server whose tools call the operations of a FastAPI application in this process.

    The application's lifespan runs with the server. `include_hidden`: also offer the operations
    that the application leaves out of its own OpenAPI document.

    Raises:
        UserError: the FastMCP library is missing.
    """
    server = _fastmcp()
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://fastapi")
    spec = _whole_spec(app) if include_hidden else app.openapi()
    return server.from_openapi(
        spec, client=client, name=name, lifespan=lambda _server: app.router.lifespan_context(app)
    )


def server_from_openapi(
    spec: Any, base_url: str | None, headers: Mapping[str, str] | None, timeout: float, name: str
) -> Any:
    """A server whose tools call the operations of an OpenAPI document.

    `spec`: the document as a mapping, its text, a path or a URL. `headers` are sent with every
    call; `timeout` is in seconds. Without `base_url` the document says where the API is.

    Raises:
        UserError: the document cannot be read or does not say where the API is, or the FastMCP
            library is missing.
    """
    server = _fastmcp()
    document = _document(spec, headers, timeout)
    origin = spec if isinstance(spec, str) and spec.startswith(URL_SCHEMES) else ""
    transport = httpx2.AsyncHTTPTransport()
    client = httpx2.AsyncClient(
        base_url=base_url or _server_url(document, origin),
        headers=dict(headers or {}),
        timeout=timeout,
        transport=transport,
    )
    return server.from_openapi(
        document, client=client, name=name, lifespan=lambda _server: _disconnecting(transport)
    )


@asynccontextmanager
async def _disconnecting(transport: httpx2.AsyncHTTPTransport) -> AsyncIterator[None]:
    """Close the connections at the end, not the client: the environment may be entered again."""
    try:
        yield
    finally:
        await transport.aclose()


def _fastmcp() -> Any:
    try:
        from fastmcp import FastMCP  # noqa: PLC0415 - optional, and loads slowly
    except ImportError as exc:
        raise UserError(
            "HTTP APIs become tools through the `fastmcp` library, which is missing", hint=INSTALL
        ) from exc
    return FastMCP


def _whole_spec(app: Any) -> dict[str, Any]:
    """The application's OpenAPI document, hidden operations included."""
    from fastapi import routing  # noqa: PLC0415 - the application's own library, no dependency of ours
    from fastapi.openapi.utils import get_openapi  # noqa: PLC0415 - as above

    if hasattr(
        routing, "iter_route_contexts"
    ):  # newer releases nest included routers, and make such views of them
        shown = list(routing.iter_route_contexts(app.routes))
    else:
        shown = [copy.copy(route) for route in app.routes]
    for route in shown:
        object.__setattr__(
            route, "include_in_schema", True
        )  # ours to change, though the views are frozen
    return get_openapi(
        title=app.title, version=app.version, description=app.description, routes=shown
    )


def _document(spec: Any, headers: Mapping[str, str] | None, timeout: float) -> dict[str, Any]:
    if isinstance(spec, Mapping):
        return dict(spec)
    shown = str(spec)[:80]
    try:
        document = _parsed(_text(spec, headers, timeout))
    except (OSError, ValueError, httpx2.HTTPError) as exc:
        raise UserError(f"cannot read the OpenAPI document {shown!r}: {describe(exc)}") from exc
    if not isinstance(document, dict) or "paths" not in document:
        raise UserError(f"{shown!r} is no OpenAPI document: it has no `paths`")
    return document


def _text(spec: Any, headers: Mapping[str, str] | None, timeout: float) -> str:
    if isinstance(spec, str) and spec.startswith(URL_SCHEMES):
        return (
            httpx2.get(spec, headers=dict(headers or {}), timeout=timeout).raise_for_status().text
        )
    if isinstance(spec, str) and ("\n" in spec or spec.lstrip().startswith("{")):
        return spec
    return Path(spec).read_text(encoding="utf-8")


def _parsed(text: str) -> Any:
    if text.lstrip().startswith("{"):
        return json.loads(text)
    yaml = import_module("yaml")  # comes with FastMCP
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise ValueError(str(exc)) from exc


def _server_url(document: Mapping[str, Any], origin: str) -> str:
    """The first server of the document, relative to where the document came from."""
    servers = document.get("servers") or [{}]
    url = urljoin(origin, str(servers[0].get("url", "")))
    for name, variable in servers[0].get("variables", {}).items():
        url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    if not url.startswith(URL_SCHEMES):
        raise UserError(
            "the OpenAPI document does not say where the API is", hint='pass `base_url="https://…"`'
        )
    return url

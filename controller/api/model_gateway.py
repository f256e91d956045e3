"""`/v1`: the model gateway, as clients of OpenAI and Anthropic know it. Below `/v1/jobs/{tag}` an
address of its own for each job, for clients that can be told an address but no header.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from fastapi import APIRouter, Request
from pydantic_core import from_json
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from controller.model_gateway.gateway import (
    GONE,
    ModelGateway,
    Question,
    Refused,
    Reply,
)
from controller.model_gateway.refusal import error_body
from controller.model_gateway.routing import PATHS
from controller.model_gateway.usage import check_job
from hud.agents.asking import ROLLOUT_HEADER
from hud.errors import UserError, did_you_mean
from hud.eval.gateway import CACHED
from hud.wire.models import ProviderModels

JOB_HEADER = "x-hud-job"
LONGEST_ID = 500
CACHE_HEADER = "x-hud-cache"
MODELS_SINCE = "1970-01-01T00:00:00Z"
"""When models were made, which not every provider tells."""

router = APIRouter(tags=["model gateway"], include_in_schema=False)


class RelayResponse(StreamingResponse):
    """Passes an answer on, and ends the request at the provider whatever becomes of the client."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.parts, status_code=reply.status, headers=reply.headers)
        self._reply = reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.shield(self._reply.aclose())


@router.get("/v1/models")
@router.get("/v1/jobs/{tag}/v1/models")
async def models(request: Request) -> Response:
    """The models of all providers that have a key."""
    gateway: ModelGateway = request.app.state.platform.models
    found = await gateway.models()
    if "anthropic-version" in request.headers:
        return JSONResponse(_as_anthropic(found))
    return JSONResponse(_as_openai(found))


@router.get("/v1/models/{name:path}")
@router.get("/v1/jobs/{tag}/v1/models/{name:path}")
async def model(request: Request, name: str) -> Response:
    """One of them."""
    gateway: ModelGateway = request.app.state.platform.models
    is_anthropic = "anthropic-version" in request.headers
    found = await gateway.models()
    listed = (_as_anthropic if is_anthropic else _as_openai)(found)["data"]
    for item in listed:
        if item["id"] == name:
            return JSONResponse(item)
    hint = did_you_mean(name, [item["id"] for item in listed])
    reason = f"there is no model `{name[:LONGEST_ID]}`"
    return JSONResponse(error_body(404, f"{reason} ({hint})" if hint else reason), 404)


@router.post("/v1/{path:path}")
async def ask(path: str, request: Request) -> Response:
    """Ask a model."""
    gateway: ModelGateway = request.app.state.platform.models
    try:
        question = _question(path, request, await _body(request))
        reply = await _unless_gone(request, gateway.ask(question))
    except Refused as refused:
        body = error_body(refused.status, refused.reason)
        return JSONResponse(body, refused.status, headers=refused.headers)
    return RelayResponse(reply)


async def _unless_gone(request: Request, asking: Coroutine[Any, Any, Reply]) -> Reply:
    """The reply; a client that leaves before it has begun ends the request at the provider, too."""
    answered, left = asyncio.ensure_future(asking), asyncio.ensure_future(_departure(request))
    try:
        await asyncio.wait({answered, left}, return_when=asyncio.FIRST_COMPLETED)
        if not answered.done():
            raise Refused(GONE, "the client has left")
        return answered.result()
    finally:
        for task in (answered, left):
            task.cancel()
        await asyncio.gather(answered, left, return_exceptions=True)


async def _departure(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = from_json(await request.body(), allow_inf_nan=False)
    except ValueError as exc:
        raise Refused(400, f"the body is not JSON: {exc}") from exc
    if not isinstance(body, dict) or not isinstance(body.get("model"), str) or not body["model"]:
        raise Refused(400, "the body names no model")
    return body


def _question(path: str, request: Request, body: dict[str, Any]) -> Question:
    tag, inner = _split(path)
    protocol = PATHS.get(inner)
    if protocol is None:
        known = ", ".join(f"/v1/{name}" for name in PATHS)
        raise Refused(404, f"there is no /v1/{inner[:50]} here, but {known}")
    job = tag.removesuffix(CACHED) or request.headers.get(JOB_HEADER)
    try:
        checked = check_job(job) if job else None
    except UserError as exc:
        raise Refused(400, exc.message) from exc
    asked = request.headers.get(CACHE_HEADER, "0").lower() not in ("0", "false", "no", "")
    return Question(
        protocol,
        body,
        headers=dict(request.headers),
        query=dict(request.query_params),
        job=checked,
        rollout=request.headers.get(ROLLOUT_HEADER, "")[:LONGEST_ID] or None,
        use_cache=asked or tag.endswith(CACHED),
    )


def _split(path: str) -> tuple[str, str]:
    """A job's tag and the provider's path, of `jobs/TAG/v1/messages` or `messages`."""
    first, _, rest = path.partition("/")
    if first != "jobs":
        return "", path
    tag, _, inner = rest.partition("/")
    return tag, inner.removeprefix("v1/")


def _names(found: Iterable[ProviderModels]) -> list[tuple[str, str]]:
    return [(name.removeprefix("models/"), item.name) for item in found for name in item.models]


def _as_openai(found: Iterable[ProviderModels]) -> dict[str, Any]:
    data = [
        {"id": name, "object": "model", "created": 0, "owned_by": owner}
        for name, owner in _names(found)
    ]
    return {"object": "list", "data": data}


def _as_anthropic(found: Iterable[ProviderModels]) -> dict[str, Any]:
    data = [
        {"type": "model", "id": name, "display_name": name, "created_at": MODELS_SINCE}
        for name, _ in _names(found)
    ]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
    return {"data": data, "has_more": False, "first_id": None, "last_id": None, **ends}

"""The door to the providers' packages: a request goes out as it came in, the answer comes back as
it is, whole or as a stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import httpx2

from controller.model_gateway.routing import Protocol, Target
from hud.agents.clients import CONNECT_SECONDS, shared_client
from hud.errors import describe

LIST_SECONDS = 4.0
PASSED_ON = ("retry-after", "request-id", "x-request-id", "content-type")
PASSED_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "openai-")
MARK = "x-hud-gateway"
"""Header of what comes from a gateway, so that one which is its own provider notices."""
_CLIENTS: dict[Protocol, tuple[str, str]] = {
    "chat": ("openai", "AsyncOpenAI"),
    "responses": ("openai", "AsyncOpenAI"),
    "embeddings": ("openai", "AsyncOpenAI"),
    "messages": ("anthropic", "AsyncAnthropic"),
    "tokens": ("anthropic", "AsyncAnthropic"),
}


@dataclass
class Answer:
    """A provider's answer; `parts` yields its body, and `aclose` gives the connection back."""

    status: int
    headers: dict[str, str]
    parts: AsyncIterator[bytes]
    stack: AsyncExitStack

    async def aclose(self) -> None:
        """Stop reading."""
        await self.stack.aclose()


class Unreachable(Exception):
    """The provider gave no answer at all."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


async def ask(
    target: Target,
    protocol: Protocol,
    body: dict[str, Any],
    *,
    headers: Mapping[str, str],
    query: Mapping[str, str],
) -> Answer:
    """Send a request and wait for the beginning of its answer, whatever its status is.

    Raises:
        Unreachable: there is none.
    """
    sdk, client = await _client(target, protocol)
    sent = {"extra_headers": {**headers, MARK: "1"}, "extra_query": dict(query)}
    stack = AsyncExitStack()
    try:
        asked = _method(client, protocol)(**_required(protocol, body), **sent, extra_body=body)
        response = (await stack.enter_async_context(asked)).http_response
    except sdk.APIStatusError as refusal:
        return _refused(refusal.response)
    except sdk.APITimeoutError as late:
        raise Unreachable(504, describe(late)) from late
    except sdk.APIConnectionError as lost:
        raise Unreachable(502, describe(lost.__cause__ or lost)) from lost
    return Answer(response.status_code, passed_on(response.headers), _parts(response), stack)


async def list_models(target: Target, protocol: Protocol) -> list[str]:
    """Names of the models that a provider offers.

    Raises:
        Unreachable: it does not say.
    """
    sdk, client = await _client(target, protocol)
    try:
        async with asyncio.timeout(LIST_SECONDS):
            return [model.id async for model in client.models.list()]
    except sdk.APIStatusError as refusal:
        raise Unreachable(refusal.status_code, f"answered {refusal.status_code}") from refusal
    except (sdk.APIError, TimeoutError, ValueError) as error:
        raise Unreachable(502, describe(error)) from error


async def _client(target: Target, protocol: Protocol) -> tuple[Any, Any]:
    """The package that speaks the protocol, and its client of the provider.

    Packages are loaded when they are first asked for: they are half of the time that a controller
    would need to start.
    """
    name, kind = _CLIENTS[protocol]
    sdk = await asyncio.to_thread(import_module, name)

    def make(http: httpx2.AsyncClient) -> Any:
        return getattr(sdk, kind)(
            api_key=target.api_key,
            base_url=target.base_url,
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            max_retries=0,
            http_client=http,
        )

    return sdk, await shared_client(("gateway", kind, target.base_url, target.api_key), make)


def _method(client: Any, protocol: Protocol) -> Any:
    match protocol:
        case "chat":
            return client.chat.completions.with_streaming_response.create
        case "responses":
            return client.responses.with_streaming_response.create
        case "embeddings":
            return client.embeddings.with_streaming_response.create
        case "messages":
            return client.messages.with_streaming_response.create
        case "tokens":
            return client.messages.with_streaming_response.count_tokens


def _required(protocol: Protocol, body: dict[str, Any]) -> dict[str, Any]:
    """Arguments that the packages' methods insist on; the body's own values replace them."""
    match protocol:
        case "chat":
            return {"model": body["model"], "messages": []}
        case "responses":
            return {"model": body["model"]}
        case "embeddings":
            # Left out, the package would ask for base64.
            return {"model": body["model"], "input": "", "encoding_format": "float"}
        case "messages":
            return {"model": body["model"], "messages": [], "max_tokens": 1}
        case "tokens":
            return {"model": body["model"], "messages": []}


def _refused(response: httpx2.Response) -> Answer:
    async def whole() -> AsyncIterator[bytes]:
        yield response.content

    return Answer(response.status_code, passed_on(response.headers), whole(), AsyncExitStack())


async def _parts(response: httpx2.Response) -> AsyncIterator[bytes]:
    async for part in response.aiter_bytes():
        yield part


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of an answer that concern its reader."""
    return {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() in PASSED_ON or name.lower().startswith(PASSED_PREFIXES)
    }

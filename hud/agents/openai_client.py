"""The door to the `openai` package: a request, its retries and its refusals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2

from hud.agents.clients import CONNECT_SECONDS, shared_client
from hud.agents.connection import Connection, missing_package
from hud.agents.retry import Refusal, ask, refusal_in, refusal_of
from hud.errors import UserError

try:
    import openai
except ModuleNotFoundError as missing:
    raise missing_package(missing, "openai", "openai") from missing

T = TypeVar("T")

OPTIONS = {"extra_headers": "headers", "extra_query": "params", "timeout": "timeout"}
"""Arguments of the package's methods that are not in the body, and what its `post` calls them."""


@dataclass(frozen=True)
class Api:
    """One API of OpenAI: its path, and its method on a client."""

    path: str
    method: str


CHAT = Api("/chat/completions", "chat.completions.create")
RESPONSES = Api("/responses", "responses.create")


async def request(
    connection: Connection,
    api: Api,
    arguments: dict[str, Any],
    *,
    given: Any,
    read: Callable[[Any], T],
) -> T:
    """Call the API's method and `read` the answer's JSON; `given` is a client instead of ours.

    Raises:
        ProviderFailure: the provider refused, failed, or gave nothing that `read` can use.
    """

    async def attempt() -> T:
        try:
            answer = await (
                _call(given, api, arguments) if given else _post(connection, api, arguments)
            )
        except (openai.APIError, httpx2.HTTPError, ValueError) as error:
            raise refusal_of(error) from error
        refusal = refusal_in(answer)
        if refusal is not None:
            raise refusal
        return _understood(read, answer)

    return await ask(connection, attempt)


def _understood(read: Callable[[Any], T], answer: Any) -> T:
    try:
        return read(answer)
    except UserError as error:
        raise Refusal(error.message) from error


async def _post(connection: Connection, api: Api, arguments: dict[str, Any]) -> Any:
    # Below the typed methods: those cost half a millisecond more, for types that are not needed.
    client = await shared_client(
        ("openai", connection.base_url, connection.api_key), lambda http: _client(connection, http)
    )
    options: Any = {
        option: arguments[name] for name, option in OPTIONS.items() if name in arguments
    }
    body = {
        name: value
        for name, value in arguments.items()
        if name not in OPTIONS and name != "extra_body"
    }
    return await client.post(
        api.path, cast_to=object, body=body | arguments.get("extra_body", {}), options=options
    )


def _client(connection: Connection, http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key=connection.api_key,
        base_url=connection.base_url,
        timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
        max_retries=0,
        http_client=http,
    )


async def _call(given: Any, api: Api, arguments: dict[str, Any]) -> Any:
    # A client that was given may be instrumented or a stand-in: only its public method is used.
    method = given
    for name in api.method.split("."):
        method = getattr(method, name)
    answer = await method(**arguments)
    return (
        answer
        if isinstance(answer, Mapping)
        else answer.model_dump(mode="json", exclude_unset=True)
    )


def without_retries(client: Any) -> Any:
    """The client without retries of its own, as far as it is one of the package's."""
    return client.with_options(max_retries=0) if isinstance(client, openai.AsyncOpenAI) else client


def items(value: Any, what: str) -> list[dict[str, Any]]:
    """The list of objects in an answer.

    Raises:
        Refusal: it is something else.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Refusal(f"the answer has no {what}")
    return value

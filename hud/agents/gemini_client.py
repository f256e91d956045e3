"""The door to the Gemini API itself: a request, its retries and its refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import httpx2

from hud.agents.clients import CONNECT_SECONDS, shared_client
from hud.agents.connection import Connection
from hud.agents.retry import Refusal, ask, refusal_of
from hud.errors import UserError

T = TypeVar("T")


class GeminiError(Exception):
    """The API answered with an error."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(response.text)
        self.response = response
        self.status_code = response.status_code
        self.body = _json_or_none(response)


async def generate(connection: Connection, body: dict[str, Any], read: Callable[[Any], T]) -> T:
    """Ask for the next turn, and `read` the answer's JSON.

    Raises:
        ProviderFailure: the provider refused, failed, or gave nothing that `read` can use.
    """
    base = connection.base_url.rstrip("/").removesuffix("/openai")
    url = f"{base}/models/{connection.model}:generateContent"

    async def attempt() -> T:
        client = await shared_client(("gemini", base), lambda http: http)
        try:
            answer = await client.post(
                url,
                json=body,
                headers={"x-goog-api-key": connection.api_key},
                timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            )
            if answer.is_error:
                raise GeminiError(answer)
            return read(answer.json())
        except (GeminiError, httpx2.HTTPError, ValueError) as error:
            raise refusal_of(error) from error
        except UserError as error:
            raise Refusal(error.message) from error

    return await ask(connection, attempt)


def _json_or_none(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None

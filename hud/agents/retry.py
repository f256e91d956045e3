"""Where a model provider is asked again, and where its refusals become a `ProviderFailure`.

1. A provider's file translates what its package raises into a `Refusal`: status, message, whether
   trying again can help.
2. `ask` tries again after 408, 409, 429, 5xx, lost connections and timeouts: exponential backoff
   with jitter, or what the provider's Retry-After says, but never longer than `LONGEST_WAIT`.
3. What remains is a `ProviderFailure` of one line. A refusal is never an answer.
"""

from __future__ import annotations

import email.utils
import json
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import anyio

from hud.agents.connection import Connection
from hud.errors import ProviderFailure, describe

T = TypeVar("T")

FIRST_WAIT = 0.5
LONGEST_BACKOFF = 8.0
LONGEST_WAIT = 60.0
"""Seconds; a provider that asks for more is asked again after this."""
RETRIED = frozenset({408, 409, 429})
MESSAGE_LENGTH = 300

UNUSABLE = "gave no usable answer"
UNREACHABLE = "could not be reached"
LATE = "did not answer"


class Refusal(Exception):
    """One attempt did not bring an answer."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        again: bool = False,
        wait: float | None = None,
        verb: str = UNUSABLE,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.again = again
        """Whether trying again can help."""
        self.wait = wait
        """Seconds that the provider asks to wait."""
        self.verb = f"answered {status}" if status else verb
        """What the provider did."""


async def ask(connection: Connection, attempt: Callable[[], Awaitable[T]]) -> T:
    """Make the attempt until it succeeds, cannot succeed, or was repeated often enough.

    Raises:
        ProviderFailure: names provider, model and reason.
    """
    tries = 0
    while True:
        tries += 1
        try:
            with anyio.fail_after(connection.timeout):
                return await attempt()
        except TimeoutError:
            refusal = Refusal(f"waited {connection.timeout:g} s", again=True, verb=LATE)
        except Refusal as caught:
            refusal = caught
        if not refusal.again or tries > connection.retries:
            raise _failure(connection, refusal, tries)
        await anyio.sleep(pause(tries, refusal.wait))


def pause(tries: int, asked: float | None) -> float:
    """Seconds to wait after so many tries; partly random, lest all rollouts come back at once."""
    if asked is not None:
        return min(asked, LONGEST_WAIT) * random.uniform(1.0, 1.1)
    return min(FIRST_WAIT * 2.0 ** (tries - 1), LONGEST_BACKOFF) * random.uniform(0.5, 1.0)


def refusal_of(error: Exception) -> Refusal:
    """What an exception of a provider's package, or of the connection below it, means.

    The packages agree on `status_code`, `response` and `body`; without a status, there was no
    answer.
    """
    if isinstance(error, json.JSONDecodeError):
        return Refusal(f"the answer is not JSON: {error}")
    if isinstance(error, ValueError):
        return Refusal(describe(error))
    status: int | None = getattr(error, "status_code", None)
    if status is None:
        return Refusal(_cause(error), again=True, verb=UNREACHABLE)
    headers = error.response.headers if hasattr(error, "response") else {}
    body = getattr(error, "body", None)
    return Refusal(
        provider_message(body) or _first_line(str(error)),
        status=status,
        # A status below 400 is an error event in the middle of a stream that began well.
        again=(status in RETRIED or status >= 500 or status < 400) and not _out_of_quota(body),
        wait=retry_after(headers),
    )


def refusal_in(answer: Any) -> Refusal | None:
    """The error that an endpoint wrote into an answer which claims to be fine."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not error:
        return None
    code = error.get("code") if isinstance(error, dict) else None
    status = code if isinstance(code, int) and code >= 400 else None
    again = (
        status in RETRIED or (status or 0) >= 500 or code in ("server_error", "rate_limit_exceeded")
    )
    return Refusal(
        provider_message(error) or str(code or error),
        status=status or (500 if again else None),
        again=again,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks to wait, given as a number or as a date."""
    text = headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        date = email.utils.parsedate_tz(text)
        seconds = max(email.utils.mktime_tz(date) - time.time(), 0.0) if date else math.nan
    return seconds if seconds >= 0 else None


def provider_message(body: Any) -> str:
    """The provider's own words in the body of an error, in one line; empty if there are none."""
    found = body
    while isinstance(found, dict):
        found = found.get("error") or found.get("message") or found.get("detail")
    if isinstance(found, list) and found:
        return provider_message(found[0])
    return _first_line(found) if isinstance(found, str) else ""


def _out_of_quota(body: Any) -> bool:
    error = body.get("error", body) if isinstance(body, dict) else None
    return isinstance(error, dict) and error.get("code") == "insufficient_quota"


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")[:MESSAGE_LENGTH]


def _cause(error: BaseException) -> str:
    """The innermost reason: packages wrap a refused connection in 'Connection error.'."""
    while error.__cause__ is not None:
        error = error.__cause__
    return describe(error)


def _failure(connection: Connection, refusal: Refusal, tries: int) -> ProviderFailure:
    times = f" ({tries} attempts)" if tries > 1 else ""
    return ProviderFailure(
        f"{connection.provider.name} {refusal.verb} for the model `{connection.model}`"
        f"{times}: {refusal.message}",
        hint=_hint(connection, refusal),
    )


def _hint(connection: Connection, refusal: Refusal) -> str | None:
    provider = connection.provider
    if refusal.status in (401, 403):
        return f"check {provider.key_variable}, in the environment or in .env"
    if refusal.status == 404:
        return f"does {connection.base_url} have a model named `{connection.model}`?"
    if refusal.verb == UNREACHABLE:
        return f"is {connection.base_url} right? {provider.url_variable} sets it"
    if refusal.verb == LATE:
        return "HUD_PROVIDER_TIMEOUT sets how long to wait"
    return None

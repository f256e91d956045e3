"""Requests to the controller, and what its refusals become. The HTTP library is loaded when the
first request is made.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hud.errors import ControllerUnavailable, HudError, UserError
from hud.settings import controller_token, get_settings
from hud.wire.platform import API_PREFIX, EventRecord, Problem

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS = 5.0
SECONDS = 60.0
"""How long an answer may take, where the environment's own time is not part of it."""
SILENCE_SECONDS = 45.0
"""After how long without a word an event stream counts as dead; it speaks every 15 seconds."""
RETRY_SECONDS = 0.5
START_HINT = "start it with ./scripts/up.sh"
STREAM = "text/event-stream"


class Refused(UserError):
    """The controller refused a request; `status` is HTTP's."""

    def __init__(self, message: str, *, hint: str | None = None, status: int = 400) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class ControllerFailure(HudError):
    """The controller, or what it asked on somebody's behalf, failed; `status` is HTTP's."""

    def __init__(self, message: str, *, hint: str | None = None, status: int = 500) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass
class Place:
    """How far an event stream was read."""

    after: int | None
    heard_at: float = field(default_factory=time.monotonic)


class Connection:
    """One controller, by URL and token."""

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self.url = (url or get_settings().controller_url).rstrip("/")
        self._token = token
        self._http: httpx2.Client | None = None

    def close(self) -> None:
        """Let go of the open connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: Any = None,
        seconds: float = SECONDS,
    ) -> httpx2.Response:
        """The answer to a request.

        Raises:
            ControllerUnavailable: nothing answers.
            Refused: the request was refused.
            ControllerFailure: the controller failed.
        """
        with self._told():
            answer = self._client().request(
                method,
                self._address(path),
                params=_given(params),
                headers=dict(headers or {}),
                content=content,
                timeout=self._timeout(seconds),
            )
        self._check(answer)
        return answer

    @contextmanager
    def streamed(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> Iterator[httpx2.Response]:
        """An answer whose content is read piece by piece; raises as `request` does."""
        with (
            self._told(),
            self._client().stream(
                "GET",
                self._address(path),
                params=_given(params),
                headers=dict(headers or {}),
                timeout=self._timeout(seconds),
            ) as answer,
        ):
            if answer.status_code >= 300:
                answer.read()
            self._check(answer)
            yield answer

    def events(
        self, after: int | None, kinds: Sequence[str], patience: float
    ) -> Generator[EventRecord, None, None]:
        """Events as they happen. A connection that breaks is made again, for `patience` seconds.

        Raises:
            ControllerUnavailable: it does not come back.
        """
        place = Place(after)
        while True:
            try:
                yield from self._stream(place, kinds)
            except ControllerUnavailable:
                if time.monotonic() > place.heard_at + patience:
                    raise
            time.sleep(RETRY_SECONDS)

    def _stream(self, place: Place, kinds: Sequence[str]) -> Iterator[EventRecord]:
        headers = {"accept": STREAM}
        params = {"after": place.after, "kind": list(kinds)}
        with self.streamed(
            "/events", params=params, headers=headers, seconds=SILENCE_SECONDS
        ) as answer:
            for line in answer.iter_lines():
                place.heard_at = time.monotonic()
                if line.startswith("id: "):
                    place.after = int(line.removeprefix("id: "))
                elif line.startswith("data: "):
                    yield EventRecord.model_validate_json(line.removeprefix("data: "))

    def _client(self) -> httpx2.Client:
        if self._http is None:
            import httpx2  # noqa: PLC0415 - whoever imports `hud.client` may never call

            token = self._token or controller_token()
            headers = {"authorization": f"Bearer {token}"} if token else {}
            # Loading the machine's certificates takes 20 ms, and plain HTTP has no use for them.
            verify = not self.url.lower().startswith("http:")
            self._http = httpx2.Client(headers=headers, trust_env=False, verify=verify)
        return self._http

    def _timeout(self, seconds: float) -> httpx2.Timeout:
        import httpx2  # noqa: PLC0415 - as above

        return httpx2.Timeout(seconds, connect=CONNECT_SECONDS)

    def _address(self, path: str) -> str:
        return f"{self.url}{API_PREFIX}{path}"

    @contextmanager
    def _told(self) -> Iterator[None]:
        import httpx2  # noqa: PLC0415 - as above

        try:
            yield
        except httpx2.InvalidURL as exc:
            raise UserError(f"`{self.url}` is no URL: {exc}", hint="unset HUD_API_URL") from exc
        except (httpx2.ReadTimeout, httpx2.WriteTimeout) as exc:
            raise ControllerUnavailable(f"the controller at {self.url} does not answer") from exc
        except httpx2.UnsupportedProtocol as exc:
            raise UserError(f"`{self.url}` is no HTTP URL", hint="unset HUD_API_URL") from exc
        except httpx2.TransportError as exc:
            reason = f"no controller answers at {self.url}"
            raise ControllerUnavailable(reason, hint=START_HINT) from exc

    def _check(self, answer: httpx2.Response) -> None:
        if answer.status_code < 300:
            return
        try:
            problem = Problem.model_validate_json(answer.content)
        except ValidationError as exc:
            reason = f"what answers at {self.url} is no controller (status {answer.status_code})"
            raise ControllerUnavailable(reason, hint=START_HINT) from exc
        reason = problem.detail or problem.title
        kind = Refused if problem.status < 500 else ControllerFailure
        raise kind(reason, hint=problem.hint, status=problem.status)


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """The parameters that have a value."""
    return {name: value for name, value in (params or {}).items() if value not in (None, [], ())}

"""Requests to models: routed to their provider with its key, counted, answered from the cache where
that was asked for.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import httpx2

from controller.model_gateway import routing, upstream
from controller.model_gateway.cache import Cached, ResponseCache, key_of
from controller.model_gateway.refusal import error_body
from controller.model_gateway.routing import PROVIDERS, Keys
from controller.model_gateway.usage import UsageBook, UsageHider, UsageReader, with_usage
from hud.agents.connection import ANTHROPIC, Provider
from hud.errors import HudError, describe
from hud.settings import get_settings
from hud.wire.models import ModelCall, ModelUsage, ProviderModels
from hud.wire.platform import ProviderStatus

MOST_REQUESTS = 512
"""Requests that are answered at a time; more are refused with 429."""
LIST_AGE = 300.0
"""Seconds for which a provider's list of models is not asked for again."""
REFUSAL_AGE = 15.0
"""The same, where it did not give one."""
GONE = 499
"""Status that is recorded where a client went away before its answer had come to its end."""
REQUEST_HEADERS = ("anthropic-beta", "anthropic-version", "openai-beta", "idempotency-key")
"""Headers of a request that its provider is to see."""


class SecretValues(Protocol):
    """What the gateway asks of the controller's secrets."""

    def given(self, names: Iterable[str]) -> Mapping[str, str]:
        """Those of the names that have a value."""
        ...


class Listed(NamedTuple):
    """What a provider said of its models."""

    target: routing.Target
    found: ProviderModels
    until: float
    """When to ask again, in monotonic seconds."""


@dataclass(frozen=True)
class Question:
    """A request of a client."""

    protocol: routing.Protocol
    body: dict[str, Any]
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    job: str | None = None
    rollout: str | None = None
    use_cache: bool = False

    @property
    def model(self) -> str:
        """The model that is asked."""
        return str(self.body["model"])

    @property
    def repetition(self) -> str:
        """For the how-manieth time a rollout's task is played. Each time has answers of its own:
        repetitions are there to show how much those vary.
        """
        return (self.rollout or "").rpartition(".")[2]

    @property
    def hides_usage(self) -> bool:
        """Whether it asks for a stream that does not say what it used."""
        options = self.body.get("stream_options")
        is_told = isinstance(options, dict) and options.get("include_usage")
        return self.protocol == "chat" and self.body.get("stream") is True and not is_told


@dataclass
class Reply:
    """An answer: `parts` passes it on as it comes; `aclose` ends it, whether it was read or not."""

    status: int
    headers: dict[str, str]
    parts: AsyncIterator[bytes]
    relay: Relay | None = None

    async def aclose(self) -> None:
        """End the request at the provider and write down what it used."""
        if self.relay is not None:
            await self.relay.aclose()


class Refused(Exception):
    """The gateway itself refuses a request."""

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


class ModelGateway:
    """The gateway's state: its folder, its cache, and how many requests are under way."""

    def __init__(self, folder: Path, secrets: SecretValues) -> None:
        self.cache = ResponseCache(folder / "cache")
        self.book = UsageBook(folder / "jobs")
        self._secrets = secrets
        self._listed: dict[str, Listed] = {}
        self.under_way = 0

    async def ask(self, question: Question) -> Reply:
        """Answer a request, or begin to.

        Raises:
            Refused: no provider can be asked, or too many requests are under way.
        """
        if upstream.MARK in question.headers:
            raise Refused(508, "the gateway's provider is the gateway itself")
        if self.under_way >= MOST_REQUESTS:
            reason = f"{MOST_REQUESTS} requests are under way"
            raise Refused(429, reason, {"retry-after": "1"})
        target = self._target(question)
        key = None
        if question.use_cache:
            place = f"{question.repetition}:{question.protocol}"
            key = key_of(place, target.base_url, question.body, question.headers)
            if cached := await asyncio.to_thread(self.cache.get, key):
                return await self._cached(question, target.provider, cached)
        return await self._ask_provider(question, target, key)

    def providers(self) -> list[ProviderStatus]:
        """The providers, and which of them can be asked."""
        keys = self._keys()
        return [
            ProviderStatus(
                name=provider.name,
                configured=keys.is_configured(provider),
                base_url=keys.url(provider),
                variable=provider.key_variable,
            )
            for provider in PROVIDERS
        ]

    async def models(self) -> list[ProviderModels]:
        """The providers, with the models that those say they have which can be asked."""
        keys = self._keys()
        return list(await asyncio.gather(*(self._models_of(item, keys) for item in PROVIDERS)))

    async def usage(self, job: str | None) -> list[ModelUsage]:
        """What a job asked of each model; without a job, what none asked for.

        Raises:
            UserError: that is no job's id.
        """
        return await asyncio.to_thread(self.book.read, job)

    def _keys(self) -> Keys:
        names = [name for item in PROVIDERS for name in (item.key_variable, item.url_variable)]
        return Keys(self._secrets.given(names), get_settings())

    def _target(self, question: Question) -> routing.Target:
        try:
            return routing.route(question.protocol, question.model, self._keys())
        except HudError as exc:
            hint = f" ({exc.hint})" if exc.hint else ""
            raise Refused(404, f"{exc.message}{hint}") from exc

    async def _ask_provider(
        self, question: Question, target: routing.Target, key: str | None
    ) -> Reply:
        relay = Relay(self, question, target.provider, key)
        sent = {
            name: question.headers[name] for name in REQUEST_HEADERS if name in question.headers
        }
        body = with_usage(question.body) if question.hides_usage else question.body
        try:
            relay.answer = await upstream.ask(
                target, question.protocol, body, headers=sent, query=question.query
            )
        except upstream.Unreachable as exc:
            relay.status = exc.status
            raise Refused(exc.status, f"{target.provider.name}: {exc.reason}") from exc
        finally:
            if relay.answer is None:
                await relay.aclose()
        relay.begin(relay.answer)
        return Reply(relay.answer.status, relay.answer.headers, relay.parts(), relay)

    async def _cached(self, question: Question, provider: Provider, cached: Cached) -> Reply:
        call = ModelCall(
            at=datetime.now(UTC),
            provider=provider.name,
            model=question.model,
            rollout=question.rollout,
            status=200,
            from_cache=True,
            seconds=0.0,
            first_byte=0.0,
        )
        await asyncio.to_thread(self.book.write, question.job, call)

        async def whole() -> AsyncIterator[bytes]:
            yield cached.body

        return Reply(200, {"content-type": cached.content_type, "x-hud-cache": "hit"}, whole())

    async def _models_of(self, provider: Provider, keys: Keys) -> ProviderModels:
        found = ProviderModels(
            name=provider.name,
            configured=keys.is_configured(provider),
            base_url=keys.url(provider),
            variable=provider.key_variable,
        )
        if not found.configured:
            return found
        target = routing.Target(
            provider, keys.url(provider) or provider.default_url, keys.key(provider) or "none"
        )
        known = self._listed.get(provider.name)
        if known is not None and known.target == target and time.monotonic() < known.until:
            return known.found
        age, changes = LIST_AGE, dict[str, Any]()
        try:
            protocol: routing.Protocol = "messages" if provider is ANTHROPIC else "chat"
            changes["models"] = sorted(await upstream.list_models(target, protocol))
        except upstream.Unreachable as exc:
            age, changes["error"] = REFUSAL_AGE, exc.reason
        listed = found.model_copy(update=changes)
        self._listed[provider.name] = Listed(target, listed, time.monotonic() + age)
        return listed


class Relay:
    """One request at a provider: passes its answer on, and sees what it used and how it ended."""

    def __init__(
        self, gateway: ModelGateway, question: Question, provider: Provider, key: str | None
    ) -> None:
        self._gateway = gateway
        self._question = question
        self._provider = provider
        self._key = key
        self._at = datetime.now(UTC)
        self._began = time.monotonic()
        self._first_byte = 0.0
        self._reader = UsageReader("")
        self._kept = bytearray()
        self._is_closed = False
        self.status = GONE
        self.answer: upstream.Answer | None = None
        gateway.under_way += 1

    def begin(self, answer: upstream.Answer) -> None:
        """The provider has begun to answer."""
        self._first_byte = time.monotonic() - self._began
        self._reader = UsageReader(self._content_type(answer))
        if answer.status >= 400:
            self.status = answer.status

    async def parts(self) -> AsyncIterator[bytes]:
        """The answer's body; a stream that breaks off ends in an event that says so."""
        answer = self.answer
        assert answer is not None
        try:
            async for part in self._seen_parts(answer):
                if self._key is not None:
                    self._kept += part
                yield part
        except httpx2.HTTPError as exc:
            self.status = 502
            if not self._content_type(answer).startswith("text/event-stream"):
                raise
            reason = f"{self._provider.name} broke off: {describe(exc)}"
            yield b"event: error\ndata: " + json.dumps(error_body(502, reason)).encode() + b"\n\n"
        else:
            self.status = answer.status

    async def _seen_parts(self, answer: upstream.Answer) -> AsyncIterator[bytes]:
        """The parts as the client is to see them."""
        hides = self._question.hides_usage and answer.status == 200
        hider = UsageHider() if hides else None
        async for part in answer.parts:
            self._reader.feed(part)
            shown = part if hider is None else hider.feed(part)
            if shown:
                yield shown
        if hider is not None and hider.rest:
            yield bytes(hider.rest)

    async def aclose(self) -> None:
        """End the request, once; keep the answer and write the call down."""
        if self._is_closed:
            return
        self._is_closed = True
        self._gateway.under_way -= 1
        try:
            if self.answer is not None:
                await self.answer.aclose()
        finally:
            await asyncio.to_thread(self._write_down)

    def _write_down(self) -> None:
        if self._key is not None and self.status == 200 and self.answer is not None:
            content_type = self._content_type(self.answer)
            self._gateway.cache.put(self._key, content_type, bytes(self._kept))
        call = ModelCall(
            at=self._at,
            provider=self._provider.name,
            model=self._question.model,
            rollout=self._question.rollout,
            status=self.status,
            seconds=time.monotonic() - self._began,
            first_byte=self._first_byte,
            usage=self._reader.finish(),
        )
        self._gateway.book.write(self._question.job, call)

    @staticmethod
    def _content_type(answer: upstream.Answer) -> str:
        return answer.headers.get("content-type", "application/json")

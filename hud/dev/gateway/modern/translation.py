"""Clients of the newer era in front of an upstream of the older one, or of a program on a pipe.

1. The gateway plays a client of the older era for all those that introduce themselves alike; the
   upstream keeps one session for them, as a server of the newer era keeps none apart either.
2. Requests lose their envelope and get an id of the gateway's own; results get what the newer era
   adds.
3. What the upstream asks of its client while it works on a call (elicitation, sampling, roots)
   ends the request with `input_required`. The call goes on waiting under a secret `requestState`,
   until the client comes back with the answers.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from hud.dev.gateway.answer import JSON_HEADERS, Answer, Done, refuse
from hud.dev.gateway.exchange import Exchange
from hud.dev.gateway.gate import Gate, Wait
from hud.dev.gateway.generation import Generation, answer_for_nobody
from hud.dev.gateway.modern.envelope import (
    Envelope,
    EnvelopeRefused,
    open_envelope,
    without_envelope,
)
from hud.dev.gateway.modern.subscriptions import CACHEABLE, UPDATED, Listener, announce_changes
from hud.dev.gateway.modern.understudy import ASKING, Errand, Understudy
from hud.dev.gateway.options import Limits
from hud.dev.gateway.protocol import messages, sse
from hud.dev.gateway.protocol.messages import JsonObject, Message, RequestId
from hud.dev.gateway.relay import Call
from hud.dev.gateway.streams import CHANGED, feed_session
from hud.dev.gateway.upstreams.channel import META_SERVER, MODERN, OWN_HEADERS
from hud.dev.gateway.upstreams.upstream import Headers

MOST_WAITING = 200
"""Calls that may wait for answers of their clients at once."""
REMOVED = frozenset(
    ["initialize", "logging/setLevel", "ping", "resources/subscribe", "resources/unsubscribe"]
)
"""Methods that the newer era does not have."""
ANSWERABLE = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}
"""What may be asked of a client, and the capability that it needs for it."""
STATUS = {
    messages.PARSE_ERROR: 400,
    messages.INVALID_REQUEST: 400,
    messages.INVALID_PARAMS: 400,
    messages.METHOD_NOT_FOUND: 404,
    messages.HEADER_MISMATCH: 400,
    messages.MISSING_CAPABILITY: 400,
    messages.UNSUPPORTED_VERSION: 400,
}
KNOWN = ASKING | CACHEABLE | {"completion/complete"}
"""Other methods are unknown to a server that calls their parameters invalid, as older ones do."""
RESOURCE_NOT_FOUND = -32002
"""The older era's code for it; the newer one says `INVALID_PARAMS`."""


class Translator:
    """Answers requests of the newer era with the help of an upstream of the older one."""

    def __init__(self, gate: Gate, limits: Limits, start: Callable[..., object]) -> None:
        """`start(work, *arguments)` runs something for as long as the gateway is open."""
        self._gate = gate
        self._limits = limits
        self._start = start
        self._understudies: dict[str, Understudy] = {}
        self._waiting: dict[str, tuple[Understudy, Errand]] = {}

    async def post(self, message: Message, headers: Headers, answer: Answer) -> None:
        """Answer one request."""
        try:
            envelope = open_envelope(message, headers)
        except EnvelopeRefused as exc:
            await _fail(answer, message.id, exc.code, str(exc), exc.data)
            return
        if message.method == "server/discover":
            await self._discover(message, answer)
        elif message.method in REMOVED:
            text = f"`{message.method}` does not exist in {MODERN}"
            await _fail(answer, message.id, messages.METHOD_NOT_FOUND, text)
        elif "requestState" in message.params:
            await self._come_back(message, answer)
        else:
            await self._begin(message, envelope, answer)

    async def listen(self, listener: Listener, message: Message, headers: Headers) -> None:
        """Feed a subscription from the session that the gateway keeps for such clients.

        Raises:
            EnvelopeRefused: the request is not one of the newer era.
        """
        self._feed(listener, open_envelope(message, headers))
        listener.acknowledge()

    def adopt(self, listener: Listener) -> None:
        """Feed a subscription that an upstream of the newer era has fed so far."""
        with contextlib.suppress(EnvelopeRefused):
            self._feed(listener, open_envelope(listener.message, listener.headers))

    def _feed(self, listener: Listener, envelope: Envelope) -> None:
        understudy = self._understudy(envelope)
        understudy.listeners.add(listener)
        self._start(self._subscribe, understudy, listener.uris)

    def unlisten(self, listener: Listener) -> None:
        """Stop feeding it."""
        for understudy in self._understudies.values():
            understudy.listeners.discard(listener)

    def follow(self, generation: Generation) -> None:
        """Keep listening, on a new upstream."""
        for understudy in self._understudies.values():
            generation.start(feed_session, understudy.session, understudy, generation, self._limits)

    def sweep(self) -> None:
        """Give up calls that waited too long for answers, and clients that nobody needs."""
        now = time.monotonic()
        for state, (understudy, errand) in list(self._waiting.items()):
            if errand.waits_until < now:
                del self._waiting[state]
                self._give_up(understudy, errand)
        for key, understudy in list(self._understudies.items()):
            if not understudy.is_busy and understudy.used + self._limits.idle_seconds < now:
                del self._understudies[key]
                understudy.close()
                if (channel := understudy.session.current()) is not None:
                    self._start(channel.goodbye)

    def _understudy(self, envelope: Envelope) -> Understudy:
        key = json.dumps([envelope.client, envelope.capabilities], sort_keys=True)
        if (understudy := self._understudies.get(key)) is None:
            understudy = self._understudies[key] = Understudy(envelope, self._limits)
            if (generation := self._gate.generation) is not None:
                session = understudy.session
                generation.start(feed_session, session, understudy, generation, self._limits)
        return understudy

    async def _subscribe(self, understudy: Understudy, uris: list[str]) -> None:
        known = understudy.session.record.subscriptions
        for uri in uris:
            if uri not in known:
                known.append(uri)
                await self._aside(understudy, "resources/subscribe", {"uri": uri})

    async def _aside(self, understudy: Understudy, method: str, params: JsonObject) -> None:
        """Send a request whose answer nobody waits for."""
        errand = understudy.errand(
            messages.read_message(messages.request(0, method, params)), _NOBODY
        )
        await self._carry(understudy, errand)

    async def _discover(self, message: Message, answer: Answer) -> None:
        generation = await self._gate.admit(Wait(self._limits))
        hello = generation.snapshot.hello if generation.snapshot else {}
        result = {
            "resultType": "complete",
            "supportedVersions": [MODERN],
            "capabilities": json.loads(json.dumps(hello.get("capabilities", {}))),
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": {META_SERVER: hello.get("serverInfo", {})},
        }
        announce_changes(result["capabilities"])
        if "instructions" in hello:
            result["instructions"] = hello["instructions"]
        await answer.document(200, JSON_HEADERS, messages.result(message.id, result))

    async def _begin(self, message: Message, envelope: Envelope, answer: Answer) -> None:
        understudy = self._understudy(envelope)
        level = envelope.log_level
        if level is not None and level != understudy.session.record.level:
            understudy.session.record.level = level
            await self._aside(understudy, "logging/setLevel", {"level": level})
        errand = understudy.errand(message, envelope)
        self._start(self._carry, understudy, errand)
        await self._accompany(understudy, errand, message, answer)

    async def _carry(self, understudy: Understudy, errand: Errand) -> None:
        params = without_envelope(errand.message.params)
        if "progressToken" in params.get("_meta", {}):
            params["_meta"]["progressToken"] = errand.id
        body = messages.request(errand.id, errand.message.method, params)
        call = Call(messages.read_message(body), OWN_HEADERS)
        session = understudy.session
        errand.exchange = Exchange(call, errand.mailbox, self._gate, self._limits, session)
        try:
            await errand.exchange.run(session.channel_on)
        finally:
            understudy.errands.pop(errand.id, None)

    async def _come_back(self, message: Message, answer: Answer) -> None:
        """Go on with a call whose client brings the answers that it was asked for."""
        state = message.params.get("requestState")
        understudy, errand = self._waiting.get(str(state), (None, None))
        if understudy is None or errand is None or not errand.matches(message):
            text = "requestState is unknown, was used before, or belongs to another request"
            await _fail(answer, message.id, messages.INVALID_PARAMS, text)
            return
        del self._waiting[str(state)]
        given = message.params.get("inputResponses")
        responses = given if isinstance(given, dict) else {}
        for key, question in list(errand.questions.items()):
            if key in responses:
                del errand.questions[key]
                await self._reply(understudy, messages.result(question.id, responses[key]))
        if errand.questions:
            await self._ask(understudy, errand, message, answer)
        else:
            await self._accompany(understudy, errand, message, answer)

    async def _accompany(
        self, understudy: Understudy, errand: Errand, message: Message, answer: Answer
    ) -> None:
        """Tell the client what happens to its call, until it ends or the client is asked."""
        with ExitStack() as unless_done:
            unless_done.callback(self._give_up, understudy, errand)
            while True:
                item = await errand.mailbox.take()
                if isinstance(item, Done):
                    unless_done.pop_all()
                    await _finish(item, message, answer)
                    return
                if item.kind == "notification":
                    await _note(item, errand, message, answer)
                elif await self._may_ask(understudy, errand, item):
                    unless_done.pop_all()
                    await self._ask(understudy, errand, message, answer)
                    return

    async def _may_ask(self, understudy: Understudy, errand: Errand, question: Message) -> bool:
        """Whether the client can be asked; if not, the upstream is told so."""
        capability = ANSWERABLE.get(question.method)
        can = capability is not None and capability in errand.envelope.capabilities
        if not can or errand.message.method not in ASKING or len(self._waiting) >= MOST_WAITING:
            await self._reply(understudy, answer_for_nobody(question))
            return False
        for asked in [question, *errand.mailbox.take_questions()]:
            errand.questions[f"input-{len(errand.questions) + 1}"] = asked
        return True

    async def _ask(
        self, understudy: Understudy, errand: Errand, message: Message, answer: Answer
    ) -> None:
        state = secrets.token_urlsafe(32)
        errand.waits_until = time.monotonic() + self._limits.input_seconds
        self._waiting[state] = (understudy, errand)
        asked = {
            key: {"method": question.method, "params": question.params}
            for key, question in errand.questions.items()
        }
        result = {"resultType": "input_required", "inputRequests": asked, "requestState": state}
        await answer.document(200, JSON_HEADERS, messages.result(message.id, result))

    async def _reply(self, understudy: Understudy, body: bytes) -> None:
        await understudy.session.reply(messages.read_message(body))

    def _give_up(self, understudy: Understudy, errand: Errand) -> None:
        """End a call whose client no longer wants it, here and at the upstream."""
        if (channel := understudy.session.carried.get(errand.id)) is not None:
            params = {"requestId": errand.id, "reason": "the client left"}
            note = messages.notification("notifications/cancelled", params)
            self._start(channel.tell_if_possible, note)
        if errand.exchange is not None:
            errand.exchange.cancel()


_NOBODY = Envelope({}, {}, None)


async def _note(note: Message, errand: Errand, message: Message, answer: Answer) -> None:
    """Pass on progress, under the client's own token, and log messages if it wants any."""
    params = note.params
    if note.method == "notifications/progress":
        if message.progress_token is None or params.get("progressToken") != errand.id:
            return
        params = {**params, "progressToken": message.progress_token}
    elif note.method == "notifications/message":
        if errand.envelope.log_level is None:
            return
    elif note.method in CHANGED.values() or note.method == UPDATED:
        return
    await answer.begin(sse.HEADERS)
    await answer.event(sse.write_event(messages.notification(note.method, params)))


async def _finish(done: Done, message: Message, answer: Answer) -> None:
    """Pass the end of a call on, with what the newer era adds."""
    try:
        content: Any = messages.read_message(done.body).content
    except messages.MalformedMessage:
        content = None
    if not isinstance(content, dict):
        text = f"HTTP {done.status}: {done.body[:200].decode(errors='replace')}"
        await _fail(answer, message.id, messages.CONNECTION_LOST, text)
        return
    content["id"] = message.id
    error, result = content.get("error"), content.get("result")
    status = done.status
    if isinstance(error, dict):
        error["code"] = code = _modern_code(error.get("code"), message.method)
        status = max(status, STATUS.get(code, 200))
    elif isinstance(result, dict):
        result.setdefault("resultType", "complete")
        if message.method in CACHEABLE:
            result |= {"ttlMs": 0, "cacheScope": result.get("cacheScope", "private")}
    await answer.document(status, JSON_HEADERS, messages.dump(content))


def _modern_code(code: Any, method: str) -> int:
    if code == RESOURCE_NOT_FOUND:
        return messages.INVALID_PARAMS
    if code == messages.INVALID_PARAMS and method not in KNOWN:
        return messages.METHOD_NOT_FOUND
    return code if isinstance(code, int) else messages.INTERNAL_ERROR


async def _fail(
    answer: Answer, request_id: RequestId | None, code: int, text: str, data: Any = None
) -> None:
    await refuse(answer, STATUS.get(code, 200), messages.error(request_id, code, text, data))

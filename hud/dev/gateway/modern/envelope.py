"""The envelope of a request of the newer era: what `_meta` and the routing headers agree on."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from hud.dev.gateway.protocol import messages
from hud.dev.gateway.protocol.messages import JsonObject, Message
from hud.dev.gateway.upstreams.channel import (
    META_CAPABILITIES,
    META_CLIENT,
    META_LOG_LEVEL,
    META_VERSION,
    METHOD,
    MODERN,
    NAME,
    OWN_NAME,
    VERSION,
)
from hud.dev.gateway.upstreams.upstream import Headers, header

NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""The parameter that the name header repeats."""
OWN_KEYS = frozenset({META_VERSION, META_CAPABILITIES, META_CLIENT, META_LOG_LEVEL})
INPUT_KEYS = ("inputResponses", "requestState")

_ENCODED = re.compile(rb"=\?base64\?([A-Za-z0-9+/=]*)\?=")


class EnvelopeRefused(Exception):
    """An envelope that is incomplete, contradicts itself, or asks for another version."""

    def __init__(self, code: int, reason: str, data: Any = None) -> None:
        super().__init__(reason)
        self.code = code
        self.data = data


@dataclass(frozen=True)
class Envelope:
    """Who asks, and what they can do."""

    client: JsonObject
    """The client's name and version."""
    capabilities: JsonObject
    log_level: str | None
    """From which level on the client wants log messages; None means that it wants none."""


def open_envelope(message: Message, headers: Headers) -> Envelope:
    """Read the envelope of a request.

    Raises:
        EnvelopeRefused: it is not one that this version knows.
    """
    meta = message.params.get("_meta")
    if not isinstance(meta, dict) or not {META_VERSION, META_CAPABILITIES} <= meta.keys():
        reason = f"params._meta must have `{META_VERSION}` and `{META_CAPABILITIES}`"
        raise EnvelopeRefused(messages.INVALID_PARAMS, reason)
    version = meta[META_VERSION]
    _compare(message, headers, version)
    if version != MODERN:
        data = {"supported": [MODERN], "requested": version}
        raise EnvelopeRefused(messages.UNSUPPORTED_VERSION, "Unsupported protocol version", data)
    client, capabilities, level = (
        meta.get(META_CLIENT),
        meta[META_CAPABILITIES],
        meta.get(META_LOG_LEVEL),
    )
    return Envelope(
        client=client if isinstance(client, dict) else OWN_NAME,
        capabilities=capabilities if isinstance(capabilities, dict) else {},
        log_level=level if isinstance(level, str) else None,
    )


def _compare(message: Message, headers: Headers, version: object) -> None:
    """Refuse headers that are missing, doubled, or say something else than the body."""
    counts = Counter(name for name, _ in headers)
    expected = {VERSION: version, METHOD: message.method}
    if (key := NAMED_BY.get(message.method)) is not None and key in message.params:
        expected[NAME] = message.params[key]
    for name, value in expected.items():
        if counts[name] != 1 or _decoded(header(headers, name)) != value:
            reason = f"the header {name.decode()} does not say what the body says"
            raise EnvelopeRefused(messages.HEADER_MISMATCH, reason)


def _decoded(value: bytes | None) -> str | None:
    """A header's text, which may be given in base64."""
    if value is None or (found := _ENCODED.fullmatch(value)) is None:
        return value.decode("latin-1") if value is not None else None
    try:
        return base64.b64decode(found[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def without_envelope(params: JsonObject) -> JsonObject:
    """The parameters as the older era knows them."""
    bare = {key: value for key, value in params.items() if key not in (*INPUT_KEYS, "_meta")}
    meta = params.get("_meta")
    if isinstance(meta, dict) and (rest := {k: v for k, v in meta.items() if k not in OWN_KEYS}):
        bare["_meta"] = rest
    return bare

"""JSON-RPC as the gateway needs it: what kind of message this is, and whose answer it is.

Messages travel as the bytes that they came in; they are read only to route them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

RequestId = str | int
JsonObject = dict[str, Any]
Kind = Literal["request", "notification", "response", "batch"]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
CONNECTION_LOST = -32000
REQUEST_CANCELLED = -32800
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022

_RESPONSE = re.compile(
    rb'\s*\{\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"\s*:\s*("[^"\\]*"|-?\d{1,18})\s*,\s*"(?:result|error)"\s*:'
)


class MalformedMessage(ValueError):
    """A body that is no JSON-RPC message; `code` is the JSON-RPC error to answer with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Message:
    """One JSON-RPC message: its bytes as received, and what routing needs to know of it."""

    body: bytes
    kind: Kind
    content: Any
    """The parsed message; a list for a batch."""
    expects: tuple[RequestId, ...] = ()
    """Ids of the requests in it, each of which is owed an answer."""

    @property
    def id(self) -> RequestId | None:
        """The id of a request or response."""
        return self.content.get("id") if self.kind != "batch" else None

    @property
    def method(self) -> str:
        """The method of a request or notification, else an empty string."""
        method = self.content.get("method") if self.kind != "batch" else None
        return method if isinstance(method, str) else ""

    @property
    def params(self) -> JsonObject:
        """The parameters, an empty object where there are none."""
        params = self.content.get("params") if self.kind != "batch" else None
        return params if isinstance(params, dict) else {}

    @property
    def progress_token(self) -> RequestId | None:
        """The token under which the sender wants to hear of progress."""
        meta = self.params.get("_meta")
        return meta.get("progressToken") if isinstance(meta, dict) else None


def read_message(body: bytes) -> Message:
    """Read one message, or a batch.

    Raises:
        MalformedMessage: the body is not JSON, or not JSON-RPC.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise MalformedMessage(PARSE_ERROR, f"the body is not JSON: {_first_line(exc)}") from None
    if isinstance(content, list):
        return Message(body, "batch", content, tuple(_requests_of(content)))
    if not isinstance(content, dict):
        raise MalformedMessage(INVALID_REQUEST, "the body is not a JSON-RPC message")
    return _single(body, content)


def _single(body: bytes, content: JsonObject) -> Message:
    has_id = _is_id(content.get("id"))
    if isinstance(content.get("method"), str):
        if has_id:
            return Message(body, "request", content, (content["id"],))
        if "id" in content:
            raise MalformedMessage(INVALID_REQUEST, "a request's id is a string or an integer")
        return Message(body, "notification", content)
    if "result" in content or "error" in content:
        return Message(body, "response", content)
    raise MalformedMessage(INVALID_REQUEST, "the body is not a JSON-RPC message: it has no method")


def _requests_of(batch: list[Any]) -> list[RequestId]:
    entries = [entry for entry in batch if isinstance(entry, dict) and "method" in entry]
    return [entry["id"] for entry in entries if _is_id(entry.get("id"))]


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _first_line(exc: BaseException) -> str:
    return next(iter(str(exc).splitlines()), type(exc).__name__)


def answered_id(data: bytes) -> RequestId | None:
    """The id that `data` answers, if it is spelled as most servers do; None means: read it."""
    if (found := _RESPONSE.match(data)) is None:
        return None
    spelled = found[1]
    return spelled[1:-1].decode(errors="replace") if spelled[:1] == b'"' else int(spelled)


def dump(content: Any) -> bytes:
    """The message as compact JSON on one line."""
    return json.dumps(content, separators=(",", ":")).encode()


def request(request_id: RequestId, method: str, params: JsonObject | None = None) -> bytes:
    """A request of the gateway's own."""
    return dump({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}})


def notification(method: str, params: JsonObject | None = None) -> bytes:
    """A notification of the gateway's own."""
    message: JsonObject = {"jsonrpc": "2.0", "method": method}
    return dump(message | {"params": params} if params is not None else message)


def result(request_id: RequestId | None, value: Any) -> bytes:
    """The successful answer to a request."""
    return dump({"jsonrpc": "2.0", "id": request_id, "result": value})


def error(request_id: RequestId | None, code: int, text: str, data: Any = None) -> bytes:
    """The failed answer to a request; `request_id` is None where the request could not be read."""
    body: JsonObject = {"code": code, "message": text}
    if data is not None:
        body["data"] = data
    return dump({"jsonrpc": "2.0", "id": request_id, "error": body})

"""A small MCP client of the older era for the terminal: one session, one request at a time,
blocking.

Its session can be taken up again by another process that knows the id.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from hud.errors import ConnectionFailure, EnvironmentFailure, UserError, describe, error_from

VERSION = "2025-11-25"

Json = dict[str, Any]


class SessionGone(ConnectionFailure):
    """The server does not know the session any more."""


class Caller:
    """A session with the MCP server at a URL."""

    def __init__(self, url: str, session_id: str | None = None, *, seconds: float = 600.0) -> None:
        """Describe it; `session_id` takes a session up that was opened before.

        Raises:
            UserError: the URL is not an HTTP URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            hint = "give one like http://localhost:8765/mcp"
            raise UserError(f"`{url}` is not an HTTP URL", hint=hint)
        self.url = url
        self.session_id = session_id
        self._parts = parts
        self._seconds = seconds
        self._id = 0

    def open(self) -> None:
        """Begin a session.

        Raises:
            ConnectionFailure: the server cannot be reached, or speaks nonsense.
        """
        client = {"name": "hud", "version": "1"}
        params = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": client}
        self.ask("initialize", params)
        self._tell("notifications/initialized")

    def close(self) -> None:
        """End the session; that the server does not care is fine."""
        if self.session_id is not None:
            connection, _ = self._send("DELETE", None)
            connection.close()

    def ask(self, method: str, params: Json | None = None) -> Json:
        """Send a request and wait for its result.

        Raises:
            SessionGone: the server does not know the session.
            ConnectionFailure: the server cannot be reached, or speaks nonsense.
            HudError: what the server answers instead.
        """
        self._id += 1
        message = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params or {}}
        connection, response = self._send("POST", message)
        try:
            answer = self._answer(response)
        except (OSError, http.client.HTTPException) as exc:
            raise ConnectionFailure(f"{self.url} broke off: {describe(exc)}") from exc
        finally:
            connection.close()
        if "error" in answer:
            error = answer["error"]
            message_text = str(error.get("message", "the server gave no reason"))
            raise error_from(message_text, error.get("data"), EnvironmentFailure)
        result = answer.get("result")
        return result if isinstance(result, dict) else {}

    def _tell(self, method: str) -> None:
        connection, response = self._send("POST", {"jsonrpc": "2.0", "method": method})
        response.read()
        connection.close()

    def _send(
        self, method: str, message: Json | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        headers = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
        }
        if self.session_id is not None:
            headers |= {"Mcp-Session-Id": self.session_id, "Mcp-Protocol-Version": VERSION}
        body = json.dumps(message).encode() if message is not None else None
        connection = self._connection()
        target = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as exc:
            connection.close()
            raise ConnectionFailure(
                f"nothing answers at {self.url}: {describe(exc)}", hint="start it: hud dev env:env"
            ) from exc
        if response.status == 404 and self.session_id is not None and method == "POST":
            connection.close()
            raise SessionGone(f"{self.url} does not know the session any more")
        self.session_id = response.getheader("Mcp-Session-Id") or self.session_id
        return connection, response

    def _connection(self) -> http.client.HTTPConnection:
        kind = (
            http.client.HTTPSConnection
            if self._parts.scheme == "https"
            else http.client.HTTPConnection
        )
        return kind(self._parts.hostname or "", self._parts.port, timeout=self._seconds)

    def _answer(self, response: http.client.HTTPResponse) -> Json:
        is_stream = (response.getheader("Content-Type") or "").startswith("text/event-stream")
        texts = _events(response) if is_stream else iter([response.read()])
        for text in texts:
            try:
                message = json.loads(text)
            except ValueError:
                break
            if isinstance(message, dict) and ("result" in message or "error" in message):
                return message
        excerpt = "" if is_stream else f": {text[:200].decode(errors='replace')}"
        raise ConnectionFailure(f"{self.url} answered HTTP {response.status}{excerpt}")


def _events(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The data of each event of a stream."""
    data: list[bytes] = []
    for line in response:
        text = line.rstrip(b"\r\n")
        if text.startswith(b"data:"):
            data.append(text[5:].removeprefix(b" "))
        elif not text and any(data):
            yield b"\n".join(data)
            data.clear()

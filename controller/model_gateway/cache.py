"""Answers that were given before, on disk: one file each, the oldest ones go when space is used up.

Only whole answers of status 200 are kept. The key covers the provider's address and the whole
request.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_BYTES = 1024 * 1024 * 1024
LARGEST = 16 * 1024 * 1024
"""Bytes of one answer; larger ones are not kept."""
KEPT_AFTER_CLEANING = 0.8
HEADERS = ("anthropic-beta", "anthropic-version", "openai-beta")
"""Headers of a request that change its answer."""
BROKEN = (b"event: error", b'"type": "error"', b'"type":"error"', b'data: {"error"')
"""What a stream holds that went wrong after it had begun."""
ENDS = (b"[DONE]", b"message_stop", b"response.completed", b"response.incomplete")
"""What the last events of a whole stream hold."""


@dataclass(frozen=True)
class Cached:
    """An answer."""

    content_type: str
    body: bytes


def key_of(path: str, base_url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """What an answer is found by."""
    told = {name: headers[name] for name in HEADERS if name in headers}
    whole = json.dumps([path, base_url, body, told], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()


def is_whole(content_type: str, body: bytes) -> bool:
    """Whether an answer came to its end without an error."""
    if content_type.startswith("text/event-stream"):
        return any(end in body[-4096:] for end in ENDS) and not any(bad in body for bad in BROKEN)
    try:
        value = json.loads(body)
    except ValueError:
        return False
    return isinstance(value, dict) and not value.get("error")


class ResponseCache:
    """The answers in a folder."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most_bytes
        self._used: int | None = None

    def get(self, key: str) -> Cached | None:
        """The answer to a request, if it was given before."""
        path = self._path(key)
        try:
            head, _, body = path.read_bytes().partition(b"\n")
            os.utime(path)
        except OSError:
            return None
        return Cached(head.decode(), body)

    def put(self, key: str, content_type: str, body: bytes) -> None:
        """Keep an answer, if it is whole and not too large."""
        if len(body) > LARGEST or not is_whole(content_type, body):
            return
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{secrets.token_hex(8)}")
        draft.write_bytes(content_type.encode() + b"\n" + body)
        draft.replace(path)
        self._used = self._measure() if self._used is None else self._used + len(body)
        if self._used > self._most:
            self._clean()

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key[2:]

    def _files(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in self._folder.glob("*/*"):
            try:
                state = path.stat()
            except OSError:
                continue
            found.append((state.st_mtime, state.st_size, path))
        return sorted(found)

    def _measure(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _clean(self) -> None:
        """Remove what was not asked for the longest."""
        files = self._files()
        used = sum(size for _, size, _ in files)
        for _, size, path in files:
            if used <= self._most * KEPT_AFTER_CLEANING:
                break
            path.unlink(missing_ok=True)
            used -= size
        self._used = used

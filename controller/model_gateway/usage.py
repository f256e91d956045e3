"""How many tokens an answer says it used, whole or as events; and each job's calls on disk."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hud.errors import UserError
from hud.types import Usage
from hud.wire.models import ModelCall, ModelUsage

JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
NO_JOB = "_none"
MOST_BYTES = 16 * 1024 * 1024
"""Of calls without a job; the older ones are forgotten."""
EVENT_END = re.compile(rb"(\r?\n\r?\n)")
NO_USAGE = re.compile(rb',\s*"usage":\s*null')
LONGEST = 4 * 1024 * 1024
"""Bytes of an answer, or of one event, that are looked at."""


class UsageReader:
    """Finds an answer's usage while its parts pass by."""

    def __init__(self, content_type: str) -> None:
        self._is_stream = content_type.startswith("text/event-stream")
        self._rest = bytearray()
        self.usage = Usage()

    def feed(self, part: bytes) -> None:
        """Look at the next part."""
        self._rest += part
        if self._is_stream:
            *lines, last = self._rest.split(b"\n")
            for line in lines:
                self._read(line.removeprefix(b"data:"))
            self._rest = bytearray(last)
        if len(self._rest) > LONGEST:
            self._rest.clear()

    def finish(self) -> Usage:
        """The usage, once all parts have passed."""
        self._read(self._rest.removeprefix(b"data:"))
        return self.usage

    def _read(self, text: bytes | bytearray) -> None:
        if b'"usage"' not in text:
            return
        try:
            found = _usage_in(json.loads(text))
        except ValueError:
            return
        self.usage = Usage(
            input_tokens=max(self.usage.input_tokens, found.input_tokens),
            output_tokens=max(self.usage.output_tokens, found.output_tokens),
            cached_tokens=max(self.usage.cached_tokens, found.cached_tokens),
        )


def with_usage(body: Mapping[str, Any]) -> dict[str, Any]:
    """A request for a stream, which then ends in saying what it used."""
    options = body.get("stream_options")
    given = options if isinstance(options, dict) else {}
    return {**body, "stream_options": {**given, "include_usage": True}}


class UsageHider:
    """Takes out of a stream what it says because of `with_usage`."""

    def __init__(self) -> None:
        self.rest = bytearray()
        """What has come of an event that is not whole yet."""

    def feed(self, part: bytes) -> bytes:
        """The events that have become whole, as they would be without."""
        self.rest += part
        *events, last = EVENT_END.split(self.rest)
        self.rest = bytearray(last)
        # Splitting keeps the ends: an event and its end take turns.
        pairs = zip(events[::2], events[1::2], strict=True)
        return b"".join(b"%s%s" % (_bare(event), end) for event, end in pairs if not _tells(event))


def _bare(event: bytes) -> bytes:
    # Inside a JSON text these quotes would have backslashes.
    return NO_USAGE.sub(b"", event)


def _tells(event: bytes) -> bool:
    """Whether an event does nothing but tell the usage."""
    if b'"usage"' not in event:
        return False
    try:
        value = json.loads(event.removeprefix(b"data:"))
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("choices") == [] and bool(value.get("usage"))


def _usage_in(value: Any) -> Usage:
    """The usage in an answer or an event of any of the protocols."""
    if not isinstance(value, dict):
        return Usage()
    around = next((value[name] for name in ("response", "message") if name in value), value)
    usage = around.get("usage") if isinstance(around, dict) else None
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    read = _number(usage.get("cache_read_input_tokens"))
    written = _number(usage.get("cache_creation_input_tokens"))
    given = usage.get("input_tokens", usage.get("prompt_tokens"))
    return Usage(
        input_tokens=_number(given) + read + written,
        output_tokens=_number(usage.get("output_tokens", usage.get("completion_tokens"))),
        cached_tokens=_number(cached) + read,
    )


def _number(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


class UsageBook:
    """A file for each job, with a line for each of its calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, job: str | None, call: ModelCall) -> None:
        """Add a call, in one system call."""
        path = self._path(job)
        self._folder.mkdir(parents=True, exist_ok=True)
        if job is None and path.exists() and path.stat().st_size > MOST_BYTES:
            path.replace(path.with_suffix(".old"))
        line = call.model_dump_json().encode() + b"\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def read(self, job: str | None) -> list[ModelUsage]:
        """What a job asked of each model, the busiest first; without a job, what none asked for."""
        path = self._path(job)
        sums: dict[tuple[str, str], ModelUsage] = {}
        if not path.exists():
            return []
        with path.open("rb") as lines:
            for line in lines:
                _count(sums, line)
        return sorted(sums.values(), key=lambda item: -item.requests)

    def forget_before(self, moment: datetime) -> None:
        """Remove what was written for the last time before that."""
        for path in self._folder.glob("*.jsonl"):
            if path.stat().st_mtime < moment.timestamp():
                path.unlink(missing_ok=True)

    def _path(self, job: str | None) -> Path:
        return self._folder / f"{NO_JOB if job is None else check_job(job)}.jsonl"


def check_job(job: str) -> str:
    """The id of a job, which is fit to name a file.

    Raises:
        UserError: it is not.
    """
    if not JOB.fullmatch(job):
        raise UserError(f"{job[:50]!r} is no job's id")
    return job


def _count(sums: dict[tuple[str, str], ModelUsage], line: bytes) -> None:
    try:
        call = ModelCall.model_validate_json(line)
    except ValidationError:  # a line that was cut when the machine went down
        return
    total = sums.setdefault(
        (call.provider, call.model), ModelUsage(provider=call.provider, model=call.model)
    )
    total.requests += 1
    if call.from_cache:
        total.from_cache += 1
        return
    total.failed += call.status >= 400
    total.usage += call.usage
    total.seconds += call.seconds
    total.slowest = max(total.slowest, call.seconds)

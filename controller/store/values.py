"""How values lie in the database: what a client may send but a database cannot hold is made to fit.

Records are kept as JSON text; the columns beside them are what lists filter and sort by.
"""

from __future__ import annotations

import json
import math
import zlib
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError
from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

from hud.types import ColumnValue

LARGEST = 2**62
"""Counts beyond it are kept as it; both databases have 64 bits."""


class Words(TypeDecorator[str]):
    """Text without what PostgreSQL or UTF-8 cannot hold (a null character, half a character)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else clean(value)


class Count(TypeDecorator[int]):
    """A whole number of at most 64 bits."""

    impl = BigInteger().with_variant(Integer, "sqlite")
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        return None if value is None else max(-LARGEST, min(LARGEST, value))


class Moment(TypeDecorator[datetime]):
    """A time in UTC; one without a zone is taken for UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _naive(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def _naive(value: datetime) -> datetime:
    if value.tzinfo is None:
        return value
    try:
        return value.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:  # within hours of the first or the last year
        return value.replace(tzinfo=None)


def clean(text: str) -> str:
    """Text that both databases hold."""
    return text.replace("\0", "�").encode(errors="replace").decode()


def finite(number: float | None) -> float | None:
    """The number, unless it is none that can be added up."""
    return number if number is not None and math.isfinite(number) else None


def dump(record: BaseModel, *, exclude: set[str] | None = None) -> str:
    """A record as JSON text; half characters become `?`."""
    try:
        return record.model_dump_json(exclude_none=True, exclude=exclude)
    except PydanticSerializationError:
        return dump_json(record.model_dump(mode="json", exclude_none=True, exclude=exclude))


def dump_json(value: Any) -> str:
    """Plain data as JSON text with sorted keys; half characters become `?`."""
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        text.encode()
    except UnicodeEncodeError:
        return dump_json(_encodable(value))
    return text


def _encodable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def pack(text: str) -> bytes:
    """Text, compressed."""
    return zlib.compress(text.encode(), level=6)


def unpack(content: bytes) -> str:
    """What was packed."""
    return zlib.decompress(content).decode()


def cells(columns: dict[str, ColumnValue]) -> list[tuple[str, str, float | None]]:
    """Each column as (name, text to filter by, number to sort by); a list gives one a member."""
    return [
        (name, cell_text(item), _number(item))
        for name, value in sorted(columns.items())
        for item in (dict.fromkeys(value) if isinstance(value, list) else [value])
        if item is not None
    ]


def cell_text(value: str | float | bool) -> str:
    """A cell as a filter names it: `true`, `3`, `0.5`, or the text."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST:
        return str(int(value))
    return json.dumps(value)


def _number(value: str | float | bool) -> float | None:
    if isinstance(value, str):
        return None
    return float(max(-LARGEST, min(LARGEST, value)))

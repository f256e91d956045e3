"""How every list is filtered, counted, sorted and paged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func, select
from sqlalchemy.sql.elements import UnaryExpression

from hud.errors import UserError, did_you_mean

MAX_PAGE = 10_000
"""Rows that one page may have."""
FAR = 2**62
Sorting = Mapping[str, ColumnElement[Any]]


def paged(query: Select[Any], offset: int, limit: int) -> Select[Any]:
    """The query, cut to one page."""
    return query.offset(min(max(offset, 0), FAR)).limit(min(max(limit, 0), MAX_PAGE))


def ordering(sort: str, known: Sorting, last: Sequence[ColumnElement[Any]]) -> list[Any]:
    """The terms of ORDER BY for `name` or `-name`; rows without a value come last.

    Raises:
        UserError: there is no such thing to sort by.
    """
    name = sort.removeprefix("-")
    if name not in known:
        raise UserError(f"cannot sort by `{name}`", hint=did_you_mean(name, known))
    return directed(sort, [known[name]], last)


def directed(
    sort: str, terms: Sequence[ColumnElement[Any]], last: Sequence[ColumnElement[Any]]
) -> list[UnaryExpression[Any]]:
    """These terms in the direction of `sort`, then `last` to tell equal ones apart."""
    if sort.startswith("-"):
        return [*(term.desc().nulls_last() for term in terms), *(term.desc() for term in last)]
    return [*(term.asc().nulls_last() for term in terms), *(term.asc() for term in last)]


def counting(table: Table, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """How many rows of a table hold under the conditions."""
    return select(func.count()).select_from(table).where(*conditions)


def containing(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Whether a text contains another, in upper or lower case."""
    return column.icontains(text, autoescape=True)

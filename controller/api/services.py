"""What handlers share: the platform, the bounds of what they may be asked, and how JSON is read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.routing import APIRoute
from pydantic import Field
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from controller.platform import Platform
from hud.errors import UserError
from hud.wire.platform import Problem

MAX_PAGE = 1000
"""Items on one page."""
LARGEST = 2**53 - 1
"""The largest number that every JSON reader knows."""


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


class StrictRequest(Request):
    """A request whose JSON holds only what JSON can say: no NaN, no half characters."""

    async def json(self) -> Any:
        """The body's value."""
        try:
            return from_json(await self.body(), allow_inf_nan=False)
        except ValueError as exc:
            raise HTTPException(400, f"the body is not JSON: {exc}") from exc


class StrictRoute(APIRoute):
    """A route that reads JSON strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, given a `StrictRequest`."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return handle


def resource(*tags: str) -> APIRouter:
    """A router for one resource."""
    return APIRouter(
        tags=list(tags), route_class=StrictRoute, responses={"default": {"model": Problem}}
    )


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """What `NAME=VALUE` texts say.

    Raises:
        UserError: one is not of that form.
    """
    for text in texts:
        if "=" not in text[1:] or "\0" in text:
            raise UserError(f"{text[:100]!r} is not of the form NAME=VALUE")
    return dict(text.split("=", 1) for text in texts)


PlatformDep = Annotated[Platform, Depends(_platform)]
Name = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Text = Annotated[str | None, Field(max_length=500, pattern=r"^[^\x00]*$")]
Sort = Annotated[str, Field(max_length=200, pattern=r"^-?[^\x00-][^\x00]*$")]
"""What a list is sorted by; with `-` in front, the largest first."""
Column = Annotated[str, Field(max_length=500)]
Pairs = Annotated[list[str], Query(max_length=100)]
"""`NAME=VALUE`, several times."""
Offset = Annotated[int, Field(ge=0, le=LARGEST)]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE)]
After = Annotated[int, Field(ge=0, le=LARGEST)]
"""The number after which a log or the events go on."""

"""Whatever goes wrong becomes a problem (RFC 9457), with a reason and the next command, here."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.errors import Busy, Conflict, NotFound, TooLarge
from controller.model_gateway.refusal import PREFIX, error_body
from hud.errors import (
    ConnectionFailure,
    DockerFailure,
    HudError,
    LimitReached,
    UserError,
)
from hud.wire.platform import Problem

MEDIA_TYPE = "application/problem+json"
LONGEST = 500
"""Characters of a reason that are told."""
STATUSES: tuple[tuple[type[HudError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (TooLarge, 413),
    (UserError, 400),
    (Busy, 503),
    (DockerFailure, 503),
    (LimitReached, 504),
    (ConnectionFailure, 502),
    (HudError, 502),
)
"""The first class that fits decides."""
HINTS = {
    404: "GET /api/v1/openapi.json lists what there is",
    405: "GET /api/v1/openapi.json lists what there is",
}

_log = logging.getLogger("controller")


def add_problems(app: FastAPI) -> None:
    """Let an application answer every error with a problem."""
    app.add_exception_handler(HudError, _of_error)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_middleware(Catcher)


def answer(problem: Problem, path: str, headers: dict[str, str] | None = None) -> Response:
    """A problem as an HTTP answer; at a path of the model gateway, its clients can read it too."""
    if problem.status == 401:
        headers = {**(headers or {}), "www-authenticate": "Bearer"}
    content = problem.model_dump(exclude_none=True)
    if path.startswith(PREFIX):
        hint = f" ({problem.hint})" if problem.hint else ""
        reason = f"{problem.detail or problem.title}{hint}"
        content["error"] = error_body(problem.status, reason)["error"]
    return JSONResponse(content, problem.status, headers, MEDIA_TYPE)


async def refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request with a problem and end its connection: its body is not read."""
    await answer(problem, scope["path"], {"connection": "close"})(scope, receive, send)


def problem_of(error: HudError) -> Problem:
    """An error of ours as a problem."""
    status = next(status for kind, status in STATUSES if isinstance(error, kind))
    return _problem(status, error.message, error.hint)


def _problem(status: int, detail: str | None, hint: str | None = None) -> Problem:
    """A problem whose texts can be written as JSON, whatever they came from."""
    return Problem(
        title=HTTPStatus(status).phrase, status=status, detail=_tame(detail), hint=_tame(hint)
    )


def _tame(text: str | None) -> str | None:
    return text and text[:LONGEST].encode(errors="replace").decode()


async def _of_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HudError)
    return answer(problem_of(exc), request.url.path)


async def _of_http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    problem = _problem(exc.status_code, str(exc.detail), HINTS.get(exc.status_code))
    return answer(problem, request.url.path, dict(exc.headers or {}))


async def _of_validation(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    hint = "GET /api/v1/openapi.json says what fits"
    return answer(_problem(422, complaint(exc.errors()), hint), request.url.path)


def complaint(errors: Sequence[Any]) -> str:
    """What is wrong with an input, in one line: its first error, and how many there are."""
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{place}: {first['msg']}{more}"


class Catcher:
    """ASGI middleware: a bug of ours is logged with its traceback and answered without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if scope["type"] != "http" or started:
                raise
            _log.exception("%s %s failed", scope["method"], scope["path"])
            problem = _problem(500, "the controller failed; its log says where")
            await answer(problem, scope["path"])(scope, receive, send)

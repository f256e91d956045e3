"""Tools that ask a client of the 2026-07-28 era, to which a server sends no requests.

1. A question ends the request with `input_required`. The call itself goes on waiting under a secret
   `requestState`, which the client brings back, with its answers, in the same request made anew.
2. What the tool reports afterwards goes to that new request.
3. A call whose client does not come back is cancelled: after a while, or when the server stops.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import mcp_types
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS

from hud.environment.tool_context import Caller, serving

if TYPE_CHECKING:
    from hud.environment.server.sessions import RequestContext

Result = mcp_types.CallToolResult
Params = mcp_types.CallToolRequestParams


class Inquiry:
    """One call of a tool, which may ask its client on the way."""

    def __init__(self, ctx: RequestContext, params: Params) -> None:
        self.caller = Caller(ctx, self._ask)
        self._call = (params.name, params.arguments or {})
        self._open: dict[str, tuple[mcp_types.InputRequest, asyncio.Future[Any]]] = {}
        self._asked = asyncio.Event()
        self._count = 0
        self._task: asyncio.Task[Result] | None = None

    def begin(self, work: Callable[[], Awaitable[Result]]) -> None:
        """Start the call."""
        with serving(self.caller):
            self._task = asyncio.ensure_future(work())
        self._task.add_done_callback(_retrieved)

    def matches(self, params: Params) -> bool:
        """Whether a request that brings answers repeats this call."""
        return self._call == (params.name, params.arguments or {})

    async def _ask(self, question: mcp_types.InputRequest) -> Any:
        answer = asyncio.get_running_loop().create_future()
        self._count += 1
        self._open[f"input-{self._count}"] = (question, answer)
        self._asked.set()
        return await answer

    def answer(self, ctx: RequestContext, answers: Mapping[str, Any]) -> None:
        """Hand the client's answers to the tool; from now on it speaks to this request."""
        self.caller.request = ctx
        for key in [key for key in answers if key in self._open]:
            _, waiting = self._open.pop(key)
            if not waiting.done():
                waiting.set_result(answers[key])
        if not self._open:
            self._asked.clear()

    async def ended(self) -> Result | None:
        """Wait for the call's result, or until it asks: then None."""
        assert self._task is not None
        asked = asyncio.ensure_future(self._asked.wait())
        try:
            await asyncio.wait({self._task, asked}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.give_up()
            raise
        finally:
            asked.cancel()
        return await self._task if self._task.done() else None

    def questions(self) -> dict[str, mcp_types.InputRequest]:
        """What the tool wants to know, by the key under which the answer comes."""
        return {key: question for key, (question, _) in self._open.items()}

    def give_up(self) -> None:
        """Cancel the call: nobody wants its result any more."""
        if self._task is not None:
            self._task.cancel()


class Inquiries:
    """The calls of one running server, and which of them wait for their clients."""

    def __init__(self, answer_timeout: float, max_waiting: int) -> None:
        """See `Limits`, which has both."""
        self._answer_timeout = answer_timeout
        self._max_waiting = max_waiting
        self._waiting: dict[str, tuple[Inquiry, asyncio.TimerHandle]] = {}

    async def call(
        self, ctx: RequestContext, params: Params, work: Callable[[], Awaitable[Result]]
    ) -> Result | mcp_types.InputRequiredResult:
        """Begin a call, or go on with the one whose answers the request brings.

        Raises:
            MCPError: the request names a call that does not wait, or another one than it repeats;
                or too many calls wait.
        """
        if params.request_state is None:
            inquiry = Inquiry(ctx, params)
            inquiry.begin(work)
        else:
            inquiry = self._resumed(params.request_state, params)
            inquiry.answer(ctx, params.input_responses or {})
        result = await inquiry.ended()
        return self._asking(inquiry) if result is None else result

    def _resumed(self, state: str, params: Params) -> Inquiry:
        inquiry, expiry = self._waiting.get(state, (None, None))
        if inquiry is None or expiry is None or not inquiry.matches(params):
            told = "requestState is unknown, was used before, or belongs to another call"
            raise MCPError(INVALID_PARAMS, told)
        del self._waiting[state]
        expiry.cancel()
        return inquiry

    def _asking(self, inquiry: Inquiry) -> mcp_types.InputRequiredResult:
        if len(self._waiting) >= self._max_waiting:
            inquiry.give_up()
            told = f"{len(self._waiting)} calls wait for their clients' answers already"
            raise MCPError(INTERNAL_ERROR, told)
        state = secrets.token_urlsafe(32)
        loop = asyncio.get_running_loop()
        expiry = loop.call_later(self._answer_timeout, self._expire, state)
        self._waiting[state] = (inquiry, expiry)
        return mcp_types.InputRequiredResult(
            input_requests=inquiry.questions(), request_state=state
        )

    def _expire(self, state: str) -> None:
        inquiry, _ = self._waiting.pop(state)
        inquiry.give_up()

    def close(self) -> None:
        """Cancel the calls that wait."""
        for inquiry, expiry in self._waiting.values():
            expiry.cancel()
            inquiry.give_up()
        self._waiting.clear()


def _retrieved(task: asyncio.Task[Result]) -> None:
    """Keep asyncio from telling of a failure that no client waits for any more."""
    if not task.cancelled():
        task.exception()

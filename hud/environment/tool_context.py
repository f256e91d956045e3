"""What a tool that takes a `Context` can do while it runs: report, log, read, ask.

1. The parameter is known by its type's name, `Context` of this package or of the FastMCP library;
   clients do not see it.
2. Served over MCP, it speaks to the client that called. In-process and in isolated rollouts there
   is no such client: reports go to the log, and asking fails with an error that says so.
3. A client of the handshake era is asked by a request; one of the 2026-07-28 era by a result that
   ends its request, which it makes anew with its answer (`hud.environment.server.inquiries`).
"""

from __future__ import annotations

import base64
import logging
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import mcp_types
from pydantic import BaseModel, TypeAdapter, ValidationError

from hud.errors import ToolError

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from hud.environment.session import Session

logger = logging.getLogger(__name__)

Level = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]

_ORDER = get_args(Level)

Answer = TypeVar("Answer", bound=mcp_types.Result)

MAX_TOKENS = 512
"""How long what a client's model writes may be where a tool does not say."""


@dataclass
class Caller:
    """The client that called a tool over MCP."""

    request: ServerRequestContext[Any, Any]
    """The request that it waits for, which another may replace."""
    inquire: Callable[[mcp_types.InputRequest], Awaitable[Any]] | None = None
    """How it is asked if the server cannot send it requests."""


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


@contextmanager
def serving(caller: Caller) -> Iterator[None]:
    """Within the block, tools speak to that client."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


@dataclass(frozen=True)
class Elicited:
    """What a user did with a question, and what the answer is."""

    action: Literal["accept", "decline", "cancel"]
    data: Any = None
    """Of the type that was asked for; None unless the question was accepted."""


@dataclass(frozen=True)
class Sampled:
    """What the client's model wrote."""

    content: Any
    """The content block."""
    model: str = ""

    @property
    def text(self) -> str | None:
        """The text of it, if it is text."""
        return getattr(self.content, "text", None)


@dataclass(frozen=True)
class ReadContent:
    """One part of a resource."""

    content: str | bytes
    mime_type: str | None = None


class ReadContents(list[ReadContent]):
    """The parts of a resource, in order."""

    @property
    def contents(self) -> list[ReadContent]:
        """The parts, as later versions of FastMCP call them."""
        return list(self)


class Context:
    """The request that a tool answers; it belongs to one call."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._caller = _caller.get()

    @property
    def request_context(self) -> ServerRequestContext[Any, Any] | None:
        """The MCP library's own context; None where no client called over MCP."""
        return self._caller.request if self._caller else None

    @property
    def fastmcp(self) -> Any:
        """The environment, under the name that tools written for FastMCP know."""
        return self._session.env

    @property
    def lifespan_context(self) -> Any:
        """What the environment's `lifespan` yielded; an empty dict where there is none."""
        lifespan = self._session.env.lifecycle.lifespan
        return lifespan.context if lifespan else {}

    @property
    def session(self) -> Any:
        """The MCP library's session with the client; None in-process."""
        return self.request_context.session if self.request_context else None

    @property
    def session_id(self) -> str:
        """Identifies the client's session within this process."""
        return f"{id(self._session):x}"

    @property
    def request_id(self) -> str:
        """The request's id; empty in-process."""
        found = self.request_context.request_id if self.request_context else None
        return "" if found is None else str(found)

    @property
    def client_id(self) -> str | None:
        """What the client calls itself in the request's `_meta`."""
        return (self._meta.get("client_id")) if self._meta else None

    @property
    def _meta(self) -> Mapping[str, Any]:
        meta: Any = self.request_context.meta if self.request_context else None
        return meta or {}

    async def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Tell how far the call is, if its client wants to know."""
        if self.session is not None:
            await self.session.report_progress(progress, total, message)

    async def log(
        self,
        message: str,
        level: Level = "info",
        logger_name: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Send a log message to the client, if it wants that level; in-process, to the log of this
        process.
        """
        if self.session is None:
            logger.log(_LEVELS.get(level, logging.INFO), "%s", message)
            return
        least = self._session.log_level
        if least is not None and _ORDER.index(level) < _ORDER.index(least):
            return
        data: Any = {"msg": message, "extra": dict(extra)} if extra else message
        with warnings.catch_warnings():  # deprecated in one era of MCP, usual in the other
            warnings.simplefilter("ignore")
            sending = self.session.send_log_message(level, data, logger_name, self.request_id)
        await sending

    async def debug(self, message: str, **options: Any) -> None:
        """See `log`."""
        await self.log(message, "debug", **options)

    async def info(self, message: str, **options: Any) -> None:
        """See `log`."""
        await self.log(message, "info", **options)

    async def warning(self, message: str, **options: Any) -> None:
        """See `log`."""
        await self.log(message, "warning", **options)

    async def error(self, message: str, **options: Any) -> None:
        """See `log`."""
        await self.log(message, "error", **options)

    async def read_resource(self, uri: Any) -> ReadContents:
        """The parts of a resource of this environment.

        Raises:
            UserError: there is no such resource.
        """
        found = await self._session.read_resource(str(uri))
        return ReadContents(_read(part) for part in found.contents)

    async def elicit(self, message: str, response_type: Any = None) -> Elicited:
        """Ask the client's user; `response_type` is a type, a list of choices, or None for consent.

        Raises:
            ToolError: there is nobody to ask, or the answer does not fit the type.
        """
        choices = isinstance(response_type, list)
        kind: Any = Literal[tuple(response_type)] if choices else response_type
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        schema, wraps = _form(adapter, response_type)
        form = mcp_types.ElicitRequestFormParams(message=message, requested_schema=schema)
        question = mcp_types.ElicitRequest(params=form)
        answer = await self._ask("ask its user", question, mcp_types.ElicitResult)
        if answer.action != "accept" or response_type is None:
            return Elicited(answer.action, {} if answer.action == "accept" else None)
        content = answer.content or {}
        try:
            return Elicited(
                "accept", adapter.validate_python(content["value"] if wraps else content)
            )
        except (ValidationError, KeyError) as exc:
            raise ToolError(f"the answer {content!r} does not fit what was asked: {exc}") from exc

    async def sample(
        self,
        messages: str | Sequence[str | mcp_types.SamplingMessage],
        system_prompt: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **preferences: Any,
    ) -> Sampled:
        """Ask the client's model; `preferences` may be `model_preferences`, names of models.

        Raises:
            ToolError: the client has no model to ask.
        """
        asked = [messages] if isinstance(messages, str) else messages
        names = preferences.get("model_preferences") or ()
        hints = [mcp_types.ModelHint(name=name) for name in _names(names)]
        wanted = mcp_types.CreateMessageRequestParams(
            messages=[_sampling_message(item) for item in asked],
            max_tokens=max_tokens or MAX_TOKENS,
            system_prompt=system_prompt,
            temperature=temperature,
            model_preferences=mcp_types.ModelPreferences(hints=hints) if hints else None,
        )
        question = mcp_types.CreateMessageRequest(params=wanted)
        answer = await self._ask("ask its model", question, mcp_types.CreateMessageResult)
        return Sampled(answer.content, answer.model)

    async def set_state(self, key: str, value: Any) -> None:
        """Keep a value for later calls of this session."""
        self._session.state[key] = value

    async def get_state(self, key: str) -> Any:
        """A value that an earlier call of this session kept; None without one."""
        return self._session.state.get(key)

    async def _ask(
        self,
        what: str,
        question: mcp_types.ElicitRequest | mcp_types.CreateMessageRequest,
        kind: type[Answer],
    ) -> Answer:
        caller = self._caller
        if caller is None:
            raise ToolError(
                f"the tool wants to {what}, and no client called it over MCP",
                hint="serve the environment: hud dev",
            )
        if caller.inquire is None:
            return await _requested(caller.request, question, kind)
        capability = question.method.partition("/")[0]
        if not getattr(caller.request.session.client_capabilities, capability, None):
            raise ToolError(f"the client does not answer: it declares no `{capability}`")
        answer = await caller.inquire(question)
        if not isinstance(answer, kind):
            raise ToolError(f"the client answered `{question.method}` with something else")
        return answer


_LEVELS = {
    "debug": logging.DEBUG,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "alert": logging.CRITICAL,
    "emergency": logging.CRITICAL,
}


async def _requested(
    request: ServerRequestContext[Any, Any], question: Any, kind: type[Answer]
) -> Answer:
    """Ask by a request of the server's own."""
    from mcp.shared.exceptions import MCPError  # noqa: PLC0415 - only a served tool gets here
    from mcp.shared.message import ServerMessageMetadata  # noqa: PLC0415 - as above

    related = ServerMessageMetadata(related_request_id=request.request_id)
    try:
        return await request.session.send_request(question, kind, metadata=related)
    except MCPError as exc:
        raise ToolError(f"the client does not answer: {exc}") from exc


def _form(adapter: TypeAdapter[Any], response_type: Any) -> tuple[dict[str, Any], bool]:
    """The schema of the form, an object, and whether it wraps a plain value."""
    if response_type is None:
        return {"type": "object", "properties": {}}, False
    schema = adapter.json_schema()
    if schema.get("type") == "object":
        return schema, False
    if "const" in schema:
        schema = {"type": "string", "enum": [schema["const"]]}
    return {"type": "object", "properties": {"value": schema}, "required": ["value"]}, True


def _read(part: Any) -> ReadContent:
    if isinstance(part, mcp_types.BlobResourceContents):
        return ReadContent(base64.b64decode(part.blob), part.mime_type)
    return ReadContent(part.text, part.mime_type)


def _names(preferred: Any) -> Sequence[str]:
    return [preferred] if isinstance(preferred, str) else preferred


def _sampling_message(item: Any) -> mcp_types.SamplingMessage:
    if isinstance(item, BaseModel):
        return mcp_types.SamplingMessage.model_validate(item.model_dump(by_alias=True))
    return mcp_types.SamplingMessage(role="user", content=mcp_types.TextContent(text=item))

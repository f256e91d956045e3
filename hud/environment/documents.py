"""Resources and prompts that an author declares, and what prompts are made of."""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote

import mcp_types
from pydantic import ValidationError

from hud.environment.arguments import Arguments
from hud.environment.prompt_arguments import validate_arguments
from hud.environment.registry import as_block, call, to_plain, to_text
from hud.errors import UserError

VARIABLE = re.compile(r"\{(\w+)(\*?)\}")


class FunctionResource:
    """A function whose result is a resource's content; a URI with `{variables}` is a template."""

    def __init__(self, function: Callable[..., Any], uri: str, **options: Any) -> None:
        """`options`: name, title, description, mime_type."""
        self.function = function
        self.uri = uri
        self.name = options.get("name") or getattr(function, "__name__", uri)
        self.options = options
        self.arguments = Arguments(function, what=f"resource `{uri}`")

    @property
    def is_template(self) -> bool:
        """Whether the URI has variables."""
        return bool(VARIABLE.search(self.uri))

    def match(self, uri: str) -> dict[str, str] | None:
        """The variables of `uri`, or None if it is another resource."""
        pattern, position = "", 0
        for found in VARIABLE.finditer(self.uri):
            pattern += re.escape(self.uri[position : found.start()])
            pattern += f"(?P<{found[1]}>{'.+' if found[2] else '[^/]+'})"
            position = found.end()
        matched = re.fullmatch(pattern + re.escape(self.uri[position:]), uri)
        return (
            {name: unquote(value) for name, value in matched.groupdict().items()}
            if matched
            else None
        )

    def _described(self) -> dict[str, Any]:
        description = self.options.get("description") or self.arguments.documentation.description
        return {
            "name": self.name,
            "title": self.options.get("title"),
            "description": description,
            "mime_type": self.options.get("mime_type"),
        }

    def definition(self) -> mcp_types.Resource:
        """What clients see of a plain resource."""
        return mcp_types.Resource(uri=self.uri, **self._described())

    def template(self) -> mcp_types.ResourceTemplate:
        """What clients see of a template."""
        return mcp_types.ResourceTemplate(uri_template=self.uri, **self._described())

    async def read(self, uri: str, variables: Mapping[str, str]) -> mcp_types.ReadResourceResult:
        """Call the function and return its content: a blob of bytes, text, or else JSON."""
        value = await call(partial(self.function, **self.arguments.validate(variables)))
        mime_type = self.options.get("mime_type")
        if isinstance(value, bytes):
            blob = base64.b64encode(value).decode()
            contents: Any = mcp_types.BlobResourceContents(
                uri=uri, blob=blob, mime_type=mime_type or "application/octet-stream"
            )
        else:
            plain_type = "text/plain" if isinstance(value, str) else "application/json"
            contents = mcp_types.TextResourceContents(
                uri=uri, text=to_text(to_plain(value)), mime_type=mime_type or plain_type
            )
        return mcp_types.ReadResourceResult(contents=[contents])


class FunctionPrompt:
    """A function that returns a prompt: text, messages, or a list of them."""

    def __init__(
        self, function: Callable[..., Any], name: str | None = None, **options: Any
    ) -> None:
        """`options`: title, description."""
        self.function = function
        self.name = name or function.__name__
        self.options = options
        self.arguments = Arguments(function, what=f"prompt `{self.name}`")

    def renamed(self, name: str) -> FunctionPrompt:
        """The same prompt under another name."""
        renamed = copy.copy(self)
        renamed.name = name
        renamed.arguments = self.arguments.renamed(f"prompt `{name}`")
        return renamed

    def definition(self) -> mcp_types.Prompt:
        """What clients see."""
        schema = self.arguments.schema
        required = set(schema.get("required", ()))
        arguments = [
            mcp_types.PromptArgument(
                name=name, description=field.get("description"), required=name in required
            )
            for name, field in schema["properties"].items()
        ]
        description = self.options.get("description") or self.arguments.documentation.description
        return mcp_types.Prompt(
            name=self.name,
            title=self.options.get("title"),
            description=description,
            arguments=arguments,
        )

    async def render(self, arguments: Mapping[str, Any]) -> mcp_types.GetPromptResult:
        """Call the function.

        Raises:
            ArgumentError: the arguments do not fit.
            UserError: it returned something that is no prompt.
        """
        value = await call(partial(self.function, **validate_arguments(self, arguments)))
        try:
            return mcp_types.GetPromptResult(messages=to_messages(value))
        except TypeError as exc:
            raise UserError(f"prompt `{self.name}` returned no prompt: {exc}") from exc


def to_messages(value: Any) -> list[mcp_types.PromptMessage]:
    """A prompt as messages: made of text, content blocks, messages, or a list of them.

    Raises:
        TypeError: the value is none of these.
    """
    if isinstance(value, list | tuple):
        return [message for item in value for message in to_messages(item)]
    if isinstance(value, str):
        return [_message("user", mcp_types.TextContent(text=value))]
    if isinstance(value, mcp_types.PromptMessage):
        return [value]
    block = as_block(value)
    if block is not None:
        return [_message("user", block)]
    if isinstance(value, dict) and "type" in value:
        return [_block_message(value)]
    role, content = _role_and_content(value)
    if role in ("user", "assistant") and content is not None:
        return [_message(role, message.content) for message in to_messages(content)]
    raise TypeError(f"{type(value).__name__} is neither text nor a content block nor a message")


def _role_and_content(value: Any) -> tuple[Any, Any]:
    if isinstance(value, dict):
        return value.get("role"), value.get("content")
    return getattr(value, "role", None), getattr(value, "content", None)


def _message(role: Any, content: mcp_types.ContentBlock) -> mcp_types.PromptMessage:
    return mcp_types.PromptMessage(role=role, content=content)


def _block_message(block: dict[str, Any]) -> mcp_types.PromptMessage:
    try:
        return mcp_types.PromptMessage.model_validate({"role": "user", "content": block})
    except ValidationError as exc:
        raise TypeError(f"{str(block)[:80]} is no content block") from exc

"""What a function's docstring tells a client: a description, and one for each parameter."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import docstring_parser

HEADINGS = "Args|Arguments|Parameters|Params|Returns|Return|Raises|Yields"
SECTIONS = re.compile(
    rf"^(?:{HEADINGS}):[ \t]*\n(?:(?:[ \t]+\S.*)?(?:\n|\Z))+"
    rf"|^(?:{HEADINGS})\n-{{3,}}\n(?:(?!.+\n-{{3,}}\n).*(?:\n|\Z))+?(?=.+\n-{{3,}}\n|\Z)"
    r"|^[:@](?:param|type|returns?|rtype|raises?)\b.*(?:\n[ \t]+\S.*)*(?:\n|\Z)",
    re.MULTILINE,
)
"""The parts of a docstring (Google, NumPy, Sphinx, Epydoc) that describe the signature."""


@dataclass(frozen=True)
class Documentation:
    """A docstring, read."""

    description: str | None = None
    """The text without what it says about parameters, results and errors."""
    parameters: dict[str, str] = field(default_factory=dict)
    """Descriptions by parameter."""


def read_docstring(function: Callable[..., Any]) -> Documentation:
    """The documentation of a function; of an object, that of its `__call__` or else its class."""
    own = None if inspect.isroutine(function) else type(function).__call__.__doc__
    text = inspect.cleandoc(own) if own else inspect.getdoc(function) or ""
    try:
        described = docstring_parser.parse(text).params
    except docstring_parser.ParseError:
        return Documentation(text or None)
    parameters = {param.arg_name: param.description for param in described if param.description}
    description = re.sub(r"\n{3,}", "\n\n", SECTIONS.sub("", text)).strip()
    return Documentation(description or None, parameters)

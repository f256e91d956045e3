"""What tools return, and the results that graders share with them."""

from __future__ import annotations

import mcp_types
from pydantic import BaseModel, ConfigDict

from hud.errors import ToolError
from hud.types import AgentAnswer, Citation, EvaluationResult, ScenarioResult, SubScore

__all__ = [
    "AgentAnswer",
    "Citation",
    "ContentResult",
    "Coordinate",
    "EvaluationResult",
    "ScenarioResult",
    "SubScore",
    "ToolError",
]


class Coordinate(BaseModel):
    """A point of the screen, in pixels from its left upper corner."""

    model_config = ConfigDict(extra="forbid")

    x: int
    y: int


class ContentResult(BaseModel):
    """What a tool has to say, part by part; an environment turns it into content blocks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: str | None = None
    error: str | None = None
    """What went wrong; the call itself has not failed."""
    base64_image: str | None = None
    """A PNG, or a JPEG, in base64."""
    system: str | None = None
    """A note for the harness; not shown to the model."""
    url: str | None = None
    """The page that a browser is on."""

    def __add__(self, other: ContentResult) -> ContentResult:
        """Both, texts joined.

        Raises:
            ValueError: both have an image, or both have a URL.
        """
        return ContentResult(
            output=_joined(self.output, other.output),
            error=_joined(self.error, other.error),
            base64_image=_either(self.base64_image, other.base64_image),
            system=_joined(self.system, other.system),
            url=_either(self.url, other.url),
        )

    def to_text_blocks(self) -> list[mcp_types.TextContent]:
        """The texts that are not empty: output, error, URL."""
        texts = [self.output, self.error, self.url and f"__URL__:{self.url}"]
        return [mcp_types.TextContent(text=text) for text in texts if text]

    def to_content_blocks(self) -> list[mcp_types.ContentBlock]:
        """The texts, then the image."""
        blocks: list[mcp_types.ContentBlock] = [*self.to_text_blocks()]
        if self.base64_image:
            mime_type = "image/jpeg" if self.base64_image.startswith("/9j/") else "image/png"
            blocks.append(mcp_types.ImageContent(data=self.base64_image, mime_type=mime_type))
        return blocks


def _joined(one: str | None, other: str | None) -> str | None:
    return (one or "") + (other or "") if one or other else None


def _either(one: str | None, other: str | None) -> str | None:
    if one and other:
        raise ValueError("cannot combine two results that both have an image or a URL")
    return one or other

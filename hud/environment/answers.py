"""The submitted answer, as the scenario receives it."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hud.types import AgentAnswer, Citation

ENVELOPE = frozenset({"content", "citations", "annotations", "grounding", "raw"})
"""Keys of the object in which clients send an answer together with its sources."""


@dataclass(frozen=True)
class AnswerFormat:
    """What a scenario declared about its answer."""

    what: str
    """Names the scenario in warnings."""
    returns: Any = None
    """The type of the answer; None leaves it as it is."""
    enable_citations: bool = False

    @property
    def schema(self) -> dict[str, Any] | None:
        """JSON schema of the answer, where `returns` declares one."""
        return None if self.returns is None else TypeAdapter(self.returns).json_schema()

    def parse(self, answer: Any) -> Any:
        """The value that the scenario receives for a submitted answer.

        Without `returns` and citations that is the submitted value itself; with them an
        `AgentAnswer`, whose content is the raw string (with a warning) where it does not fit
        `returns`.
        """
        if self.returns is None and not self.enable_citations:
            return (
                answer["content"] if isinstance(answer, dict) and _is_envelope(answer) else answer
            )
        if answer is None or isinstance(answer, AgentAnswer):
            return answer
        content, citations = self._opened(answer)
        raw = content if isinstance(content, str) else json.dumps(content)
        return AgentAnswer(content=self._typed(content), raw=raw, citations=citations)

    def _opened(self, answer: Any) -> tuple[Any, list[Citation]]:
        """The content and the sources of an answer, which may come in an envelope, even as JSON."""
        parsed = _read_object(answer) if isinstance(answer, str) else answer
        is_content = "content" in (self.schema or {}).get("properties", {})
        if is_content or not isinstance(parsed, dict) or not _is_envelope(parsed):
            return answer, []
        if isinstance(answer, str) and "citations" not in parsed:
            return answer, []
        return parsed["content"], [
            Citation.model_validate(item) for item in parsed.get("citations") or ()
        ]

    def _typed(self, content: Any) -> Any:
        if self.returns is None or self.returns is str:
            return content
        adapter = TypeAdapter(self.returns)
        try:
            if not isinstance(content, str):
                return adapter.validate_python(content)
            try:
                return adapter.validate_json(_strip_fence(content))
            except ValidationError:
                return adapter.validate_python(content)
        except ValidationError as exc:
            first = exc.errors(include_url=False)[0]["msg"]
            told = f"{self.what}: the answer does not fit `returns`: {first}"
            warnings.warn(told, UserWarning, stacklevel=2)
            return content


def _is_envelope(answer: dict[str, Any]) -> bool:
    return "content" in answer and ENVELOPE.issuperset(answer)


def _read_object(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip().startswith("{") else None
    except ValueError:
        return None


def _strip_fence(text: str) -> str:
    """The inside of a Markdown code fence, which models like to put around JSON."""
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```") and "\n" in stripped:
        return stripped.split("\n", 1)[1].rsplit("```", 1)[0].strip()
    return stripped

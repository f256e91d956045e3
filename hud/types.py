"""The values that travel between environments, agents and graders: pure data."""

from __future__ import annotations

import importlib
import math
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import mcp_types
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from hud import camel

AnswerT = TypeVar("AnswerT")

ColumnValue = str | int | float | bool | list[str] | None
"""A task's custom column: text, number, or a list of texts (multi-select)."""


class MCPToolCall(BaseModel):
    """A request to call one tool."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(default_factory=lambda: f"call_{uuid.uuid4().hex[:24]}")
    """Identifies the call within a conversation; the provider's own id where there is one."""
    name: str
    """The tool's name."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments by name."""

    @field_validator("arguments", mode="before")
    @classmethod
    def _no_arguments_are_empty_arguments(cls, value: Any) -> Any:
        return {} if value is None else value


class MCPToolResult(mcp_types.CallToolResult):
    """What a tool call returned.

    `result["key"]` and `"key" in result` look into the structured content.
    """

    content: list[mcp_types.ContentBlock] = Field(default_factory=list)
    """Content blocks, in order."""

    @field_validator("content")
    @classmethod
    def _pictures_have_both_names(cls, value: list[Any]) -> list[Any]:
        return [camel.block(item) for item in value]

    @property
    def isError(self) -> bool:
        return self.is_error

    @property
    def structuredContent(self) -> Any:
        return self.structured_content

    @property
    def text(self) -> str:
        """The text blocks, joined by newlines."""
        return "\n".join(
            block.text for block in self.content if isinstance(block, mcp_types.TextContent)
        )

    @property
    def value(self) -> Any:
        """The structured content, a plain value without its `{"result": …}`; else the text."""
        structured = self.structured_content
        if structured is None:
            return self.text
        if isinstance(structured, dict) and set(structured) == {"result"}:
            return structured["result"]
        return structured

    def __getitem__(self, key: Any) -> Any:
        structured = self.structured_content
        if isinstance(structured, dict) and isinstance(key, str) and key in structured:
            return structured[key]
        return self.value[key]

    def __contains__(self, key: object) -> bool:
        structured, value = self.structured_content, self.value
        if isinstance(structured, dict) and key in structured:
            return True
        return isinstance(value, dict | list | str) and key in value


class Citation(BaseModel):
    """A source that an answer cites."""

    model_config = ConfigDict(extra="allow")

    type: str = "citation"
    text: str = ""
    """The cited text."""
    source: str = ""
    """URL or title of the source."""
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class AgentAnswer(BaseModel, Generic[AnswerT]):
    """A parsed answer, given to scenarios that declare `returns=T` or `enable_citations=True`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    content: AnswerT
    """The answer, validated as `T`."""
    raw: str = ""
    """The answer as it was submitted."""
    citations: list[Citation] = Field(default_factory=list)
    trace: Any = None
    """What the agent recorded, where the agent runs in the same process."""

    if not TYPE_CHECKING:  # checkers are to know the fields only

        def __getattr__(self, name: str) -> Any:
            """Of the answer itself: before 0.5.41, scenarios were given that without a wrapper."""
            content = vars(self).get("content")
            if name.startswith("_") or not hasattr(content, name):
                return super().__getattr__(name)
            return getattr(content, name)


class SubScore(BaseModel):
    """One named part of a reward."""

    model_config = ConfigDict(extra="ignore")

    name: str
    weight: float = Field(default=1.0, allow_inf_nan=False)
    """Share of the total; a negative weight is a penalty."""
    value: float = Field(ge=0.0, le=1.0)
    metadata: dict[str, Any] | None = Field(default=None, exclude=True)
    """Evidence for the reader; not part of the result."""
    error: str | None = None
    """Why it could not be graded, its grader's own means having failed; `value` says nothing then.
    """

    @model_serializer(mode="wrap")
    def _without_no_error(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        if self.error is None:
            written.pop("error", None)
        return written

    @property
    def score(self) -> float:
        """`value`, under the name that graders use."""
        return self.value


class EvaluationResult(BaseModel):
    """What a scenario yields as its grade."""

    model_config = ConfigDict(extra="allow")

    reward: float = 0.0
    """A finite number; by convention between 0 and 1."""
    done: bool = True
    content: str | None = None
    """An explanation for the reader."""
    info: dict[str, Any] = Field(default_factory=dict)
    isError: bool = False
    subscores: list[SubScore] | None = None

    @property
    def ungraded(self) -> str | None:
        """Which parts could not be graded, and why, in one line; None if all were."""
        failed = [f"`{part.name}`: {part.error}" for part in self.subscores or [] if part.error]
        return f"could not be graded: {'; '.join(failed)}" if failed else None

    @field_validator("reward")
    @classmethod
    def _reward_is_finite(cls, value: float) -> float:
        if not math.isfinite(value):
            raise ValueError(f"reward is {value}, not a finite number")
        return value

    @model_validator(mode="after")
    def _subscores_add_up(self) -> EvaluationResult:
        for complaint in _subscore_complaints(self.reward, self.subscores or []):
            warnings.warn(complaint, UserWarning, stacklevel=2)
        return self

    @classmethod
    def from_float(cls, value: float) -> EvaluationResult:
        """A result that is only a reward."""
        return cls(reward=float(value))


ScenarioResult = EvaluationResult


def from_subscores(subscores: Sequence[SubScore]) -> EvaluationResult:
    """The weighted sum of subscores: positive weights are shares, negative ones penalties.

    Scores that share a name are numbered, and each one's metadata goes into `info` under its name.
    """
    named = _numbered(subscores)
    total = math.fsum(score.weight for score in named if score.weight > 0) or 1.0
    earned = math.fsum(score.weight * score.value for score in named if score.weight > 0) / total
    penalty = math.fsum(score.weight * score.value for score in named if not score.weight > 0)
    shares = [
        score.model_copy(
            update={"weight": score.weight / total if score.weight > 0 else score.weight}
        )
        for score in named
    ]
    info = {score.name: score.metadata for score in named if score.metadata}
    result = EvaluationResult(reward=earned + penalty, subscores=shares, info=info)
    result.content, result.isError = result.ungraded, result.ungraded is not None
    return result


def _numbered(subscores: Sequence[SubScore]) -> list[SubScore]:
    names = [score.name for score in subscores]
    counts: Counter[str] = Counter()
    numbered = []
    for score in subscores:
        counts[score.name] += 1
        is_shared = names.count(score.name) > 1
        name = f"{score.name}-{counts[score.name]}" if is_shared else score.name
        numbered.append(score.model_copy(update={"name": name}))
    return numbered


def _subscore_complaints(reward: float, subscores: list[SubScore]) -> Iterator[str]:
    if not subscores:
        return
    names = [score.name for score in subscores]
    if len(set(names)) < len(names):
        yield f"subscores share a name: {sorted({name for name in names if names.count(name) > 1})}"
    positive = sum(score.weight for score in subscores if score.weight > 0)
    if positive and abs(positive - 1.0) > 0.01:
        yield f"the positive weights of the subscores add up to {positive:g}, not to 1"
    weighted = sum(score.weight * score.value for score in subscores)
    if abs(weighted - reward) > 0.01:
        yield f"the subscores add up to {weighted:g}, but the reward is {reward:g}"


class Usage(BaseModel):
    """Tokens that one or more model calls used."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Input tokens that were read from the provider's cache."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
        )


StepKind = Literal["environment", "model", "tool"]


class TraceStep(BaseModel):
    """One thing that happened in a rollout, in the order in which it started."""

    kind: StepKind
    """Who worked: the environment (setup, grading), the model, or a tool."""
    name: str
    """`setup`, `grade`, the model's or the tool's name."""
    started: float = 0.0
    """Seconds since the rollout began."""
    seconds: float = 0.0
    """How long it took."""
    request: Any = None
    """What was asked: a tool's arguments, a scenario's arguments."""
    result: Any = None
    """What came back: text, tool calls, content blocks, a reward."""
    error: str | None = None
    usage: Usage | None = None
    """Tokens, for a model's step."""


class AgentResponse(BaseModel):
    """What a model answered in one step."""

    content: str = ""
    """Text of the answer."""
    reasoning: str = ""
    """The model's thinking, where the provider shows it."""
    tool_calls: list[MCPToolCall] = Field(default_factory=list)
    """Tools that the model asks for; none means that the agent is done."""
    citations: list[Citation] = Field(default_factory=list)
    usage: Usage = Field(default_factory=Usage)
    finish_reason: str | None = None
    """The provider's own word for why it stopped."""
    ends: bool = Field(default=False, validation_alias=AliasChoices("done", "ends"))
    """Whether this is the last turn, whatever tools it asks for."""
    isError: bool = False
    """Whether there is no answer; `content` then says why."""
    info: dict[str, Any] = Field(default_factory=dict)
    raw: Any = Field(default=None, exclude=True, repr=False)
    """The provider's own answer, for code that wants more of it."""

    @field_validator("content", "reasoning", mode="before")
    @classmethod
    def _nothing_said_is_empty(cls, value: Any) -> Any:
        return "" if value is None else value

    @property
    def done(self) -> bool:
        """Whether the agent is done: it asks for no tool, or ends itself."""
        return self.ends or not self.tool_calls

    @done.setter
    def done(self, ends: bool) -> None:
        self.ends = ends


InferenceResult = AgentResponse


class Trace(BaseModel):
    """What an agent did in one rollout, and what it earned."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    reward: float | None = None
    """The reward, or None as long as nothing was graded."""
    done: bool = True
    """False if the agent was stopped by its step limit."""
    content: str | None = None
    """The final answer; None if there is none."""
    info: dict[str, Any] = Field(default_factory=dict)
    isError: bool = False
    error: str | None = None
    """Why the rollout failed, in one line."""
    citations: list[Citation] = Field(default_factory=list)
    task: Any = None
    trace: list[TraceStep] = Field(default_factory=list)
    """The steps, in order."""
    messages: list[Any] = Field(default_factory=list)
    """The conversation in the provider's own format."""
    evaluation_result: EvaluationResult | None = None

    @property
    def steps(self) -> list[TraceStep]:
        """The steps, under a better name."""
        return self.trace

    @property
    def usage(self) -> Usage:
        """Tokens of all model steps together."""
        return sum((step.usage for step in self.trace if step.usage), Usage())

    def append(self, step: TraceStep) -> None:
        """Add a step."""
        self.trace.append(step)


class AgentType(StrEnum):
    """Families of agents whose providers have tools of their own."""

    CLAUDE = "claude"
    OPENAI = "openai"
    OPERATOR = "operator"
    GEMINI = "gemini"
    GEMINI_CUA = "gemini_cua"
    OPENAI_COMPATIBLE = "openai_compatible"
    INTEGRATION_TEST = "integration_test"


class NativeToolSpec(BaseModel):
    """How one family of agents offers a tool: as its provider's own tool instead of a function.

    It travels in the tool's `_meta`, under `native_tools` and the family's name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    api_type: str | None = None
    """The provider's type of the tool; None offers it as a function."""
    api_name: str | None = None
    """What the provider's tool is called; calls of it are calls of this tool."""
    beta: str | None = None
    """The provider's beta that the request has to name."""
    hosted: bool = False
    """Whether the provider runs the tool itself."""
    role: str | None = None
    """What the tool is for; of the tools with one role, an agent is offered one."""
    supported_models: tuple[str, ...] | None = None
    """Patterns of the models that know the tool; None means all."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Further fields of the provider's tool."""

    @property
    def is_native(self) -> bool:
        """Whether the provider has a tool of its own for this."""
        return self.api_type is not None

    def supports_model(self, model: str | None) -> bool:
        """Whether a model knows the tool; an unnamed one is taken to."""
        if self.supported_models is None or model is None:
            return True
        name = model.lower()
        return any(fnmatchcase(name, pattern.lower()) for pattern in self.supported_models)


NativeToolSpecs = dict[AgentType, NativeToolSpec | list[NativeToolSpec]]
"""Specs by family; of several, the first that supports the model counts."""


@dataclass
class ToolDeclaration:
    """A function and how it is offered as a tool; an environment makes the tool of it."""

    function: Callable[..., Any]
    name: str
    title: str | None = None
    description: str | None = None
    """What clients are told; None: the function's docstring."""
    meta: dict[str, Any] | None = None
    parameters: dict[str, Any] | None = None
    """JSON schema of the arguments, where the function's signature does not say it."""


ABOVE = {
    "BaseAgentConfig": "hud.agents.config",
    "LegacyTask": "hud.environment.legacy",
    "Task": "hud.task",
}


def __getattr__(name: str) -> Any:
    """Published code imports these from here; they live above, loaded when asked for."""
    if name in ABOVE:
        return getattr(importlib.import_module(ABOVE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

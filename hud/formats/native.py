"""Which tools a provider is offered as its own, by what their `_meta` says under `native_tools`.

1. A tool names, for each family of agents, the provider's own tool that it stands for.
2. Tools of one role (shell, editor, computer) are alternatives: where one is made for the family,
   those made for others are left out.
3. Where two tools would go by one name, the second is offered as a function; so is a tool whose
   own form the model does not know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mcp_types
from pydantic import ValidationError

from hud.types import AgentType, MCPToolCall, NativeToolSpec

KEY = "native_tools"


@dataclass(frozen=True)
class NativeTool:
    """A tool, and the provider's own that it is offered as."""

    tool: mcp_types.Tool
    spec: NativeToolSpec

    @property
    def api_name(self) -> str:
        """What the provider's tool is called."""
        return self.spec.api_name or self.tool.name


@dataclass(frozen=True)
class Offer:
    """The tools for one model: some as functions, some as its provider's own."""

    functions: list[mcp_types.Tool] = field(default_factory=list)
    natives: dict[str, NativeTool] = field(default_factory=dict)
    """By the name that the provider has for each."""

    @property
    def tools(self) -> list[mcp_types.Tool]:
        """All of them."""
        return [*self.functions, *(native.tool for native in self.natives.values())]

    @property
    def betas(self) -> list[str]:
        """The provider's betas that a request has to name, each once."""
        return list(
            dict.fromkeys(item.spec.beta for item in self.natives.values() if item.spec.beta)
        )

    def routed(self, call: MCPToolCall) -> MCPToolCall:
        """The call under the name of the tool that runs it."""
        native = self.natives.get(call.name)
        return call if native is None else call.model_copy(update={"name": native.tool.name})


def offer(
    tools: Sequence[mcp_types.Tool], family: AgentType | None, model: str | None = None
) -> Offer:
    """Choose, for a model of a family, which tools it is offered, and as what.

    A model without a family is offered all of them as functions.
    """
    if family is None:
        return Offer(functions=list(tools))
    made = {tool.name: spec for tool in tools if (spec := spec_for(tool, family, model))}
    claims = _claims(tools, made)
    left = [tool for tool in tools if _is_left(tool, made, claims)]
    natives: dict[str, NativeTool] = {}
    names = {tool.name for tool in left}
    for tool in left:
        native = NativeTool(tool, made.get(tool.name, NativeToolSpec()))
        taken = native.api_name in natives or native.api_name in names - {tool.name}
        if native.spec.is_native and not taken:
            natives[native.api_name] = native
    own = {native.tool.name for native in natives.values()}
    return Offer([tool for tool in left if tool.name not in own], natives)


def spec_for(
    tool: mcp_types.Tool, family: AgentType, model: str | None = None
) -> NativeToolSpec | None:
    """What a tool says about a family's models; None if it says nothing about this one."""
    return next((spec for spec in _specs(tool, family) if spec.supports_model(model)), None)


def is_of_a_machine(tool: mcp_types.Tool) -> bool:
    """Whether a tool acts on one shell, screen or folder: its calls depend on each other."""
    return bool(_published(tool))


def _claims(
    tools: Sequence[mcp_types.Tool], made: Mapping[str, NativeToolSpec]
) -> dict[str, NativeToolSpec]:
    """The roles that a tool of the family fills, by the first that does."""
    claims: dict[str, NativeToolSpec] = {}
    for tool in tools:
        spec = made.get(tool.name)
        if spec is not None and spec.role:
            claims.setdefault(spec.role, spec)
    return claims


def _is_left(
    tool: mcp_types.Tool, made: Mapping[str, NativeToolSpec], claims: Mapping[str, NativeToolSpec]
) -> bool:
    """Whether a tool is no mere alternative to one of the family's; a second of a kind is none."""
    own = made.get(tool.name)
    if own is not None:
        return not own.role or claims[own.role].api_type == own.api_type
    roles = {spec.role for family in _published(tool) for spec in _specs(tool, family)}
    return not roles & claims.keys()


def _published(tool: mcp_types.Tool) -> Mapping[str, Any]:
    found = (tool.meta or {}).get(KEY)
    return found if isinstance(found, Mapping) else {}


def _specs(tool: mcp_types.Tool, family: str) -> Iterator[NativeToolSpec]:
    """The specs for a family; what cannot be read is none, for servers write what they like."""
    found = _published(tool).get(family)
    for item in found if isinstance(found, list) else [found]:
        try:
            yield NativeToolSpec.model_validate(item)
        except ValidationError:
            continue

"""Which tools are offered as a provider's own, and which are left out as mere alternatives."""

from __future__ import annotations

from typing import Any

import mcp_types
import pytest

from hud.formats.native import is_of_a_machine, offer
from hud.types import AgentType, MCPToolCall

SHELL = {"api_type": "shell", "api_name": "shell", "role": "shell"}
BASH = {"api_type": "bash_1", "api_name": "bash", "role": "shell", "beta": "shells"}


def tool(name: str, **families: Any) -> mcp_types.Tool:
    meta = {"native_tools": families} if families else None
    return mcp_types.Tool(name=name, input_schema={"type": "object"}, _meta=meta)


def chosen(
    *tools: mcp_types.Tool, family: AgentType | None = AgentType.CLAUDE, model: str = "m"
) -> tuple[list[str], dict[str, str]]:
    """Names of the functions, and of the tools by the provider's names."""
    found = offer(tools, family, model)
    natives = {name: native.tool.name for name, native in found.natives.items()}
    return [function.name for function in found.functions], natives


def test_a_tool_of_the_family_is_its_providers_own_and_others_are_functions() -> None:
    assert chosen(tool("sh", claude=BASH), tool("add")) == (["add"], {"bash": "sh"})


def test_without_a_family_all_are_functions() -> None:
    assert chosen(tool("sh", claude=BASH), tool("add"), family=None) == (["sh", "add"], {})


def test_a_family_without_tools_of_its_own_is_offered_every_alternative_as_a_function() -> None:
    alternatives = tool("sh", claude=BASH), tool("shell", openai=SHELL)
    assert chosen(*alternatives, family=AgentType.OPENAI_COMPATIBLE) == (["sh", "shell"], {})


@pytest.mark.parametrize(
    ("family", "functions", "natives"),
    [
        (AgentType.CLAUDE, [], {"bash": "sh"}),
        (AgentType.OPENAI, [], {"shell": "shell"}),
        (AgentType.GEMINI, ["run"], {}),
    ],
)
def test_of_the_tools_of_a_role_the_familys_own_is_offered(
    family: AgentType, functions: list[str], natives: dict[str, str]
) -> None:
    tools = (
        tool("sh", claude=BASH),
        tool("shell", openai=SHELL),
        tool("run", gemini={"role": "shell"}),
    )
    assert chosen(*tools, family=family) == (functions, natives)


def test_a_second_tool_of_a_kind_is_a_function() -> None:
    two = tool("here_bash", claude=BASH), tool("there_bash", claude=BASH)
    assert chosen(*two) == (["there_bash"], {"bash": "here_bash"})


def test_a_function_keeps_a_name_that_the_providers_tool_would_take() -> None:
    assert chosen(tool("sh", claude=BASH), tool("bash")) == (["sh", "bash"], {})


def test_the_first_spec_that_supports_the_model_counts() -> None:
    newer = {**BASH, "api_type": "bash_2", "supported_models": ["*opus*"]}
    (native,) = offer(
        [tool("sh", claude=[newer, BASH])], AgentType.CLAUDE, "claude-opus-9"
    ).natives.values()
    assert native.spec.api_type == "bash_2"
    assert chosen(tool("sh", claude=newer), model="claude-sonnet-9") == (["sh"], {})


@pytest.mark.parametrize("spec", [None, 7, "shell", [], [{"extra": 7}]])
def test_a_spec_that_cannot_be_read_is_none(spec: Any) -> None:
    assert chosen(tool("sh", claude=spec)) == (["sh"], {})


def test_a_call_by_the_providers_name_is_a_call_of_the_tool() -> None:
    found = offer([tool("sh", claude=BASH)], AgentType.CLAUDE)
    call = MCPToolCall(id="1", name="bash", arguments={"command": "ls"})
    assert found.routed(call) == call.model_copy(update={"name": "sh"})
    assert found.routed(MCPToolCall(id="2", name="add")).name == "add"
    assert found.betas == ["shells"]


def test_what_stands_for_a_providers_tool_acts_on_a_machine() -> None:
    assert is_of_a_machine(tool("sh", claude=BASH))
    assert not is_of_a_machine(tool("add"))

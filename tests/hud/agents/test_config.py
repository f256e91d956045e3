"""Options of agents: what is taken, and how what is not is refused."""

from __future__ import annotations

import importlib

import pytest

from hud.agents import ClaudeAgent, MCPAgent, OpenAIAgent, OpenAIChatAgent, ScriptedAgent
from hud.agents.config import BaseAgentConfig
from hud.errors import UserError
from hud.types import MCPToolResult


@pytest.mark.parametrize("option", ["model", "checkpoint_name"])
def test_the_model_has_two_names(option: str) -> None:
    assert ClaudeAgent.create(api_key="key", **{option: "claude-x"}).model == "claude-x"


def test_defaults_are_those_of_the_published_agents() -> None:
    claude, openai = ClaudeAgent.create(api_key="key"), OpenAIAgent.create(api_key="key")
    assert (claude.model, claude.config.max_tokens) == ("claude-sonnet-4-5", 16384)
    assert (openai.model, openai.config.temperature) == ("gpt-5.4", None)
    chat = OpenAIChatAgent.create(base_url="http://127.0.0.1:8000/v1")
    assert chat.model == "gpt-5-mini"


@pytest.mark.parametrize(
    ("agent", "options", "message", "hint"),
    [
        (
            OpenAIAgent,
            {"temprature": 1},
            "the agent `openai` has no option `temprature`",
            "did you mean `temperature`?",
        ),
        (
            ScriptedAgent,
            {"flavour": "mint"},
            "the agent `scripted` has no option `flavour`",
            "it takes `model`, `system_prompt`",
        ),
        (
            ClaudeAgent,
            {"max_tokens": "many"},
            "the agent `claude`: `max_tokens` is 'many': Input should be a valid integer",
            "",
        ),
        (
            OpenAIChatAgent,
            {"completion_kwargs": {"stream": True}},
            "the agent sets stream itself",
            "",
        ),
        (
            OpenAIChatAgent,
            {"base_url": "localhost:8000"},
            "the agent `openai_compatible` cannot use the base URL 'localhost:8000'",
            "OPENAI_BASE_URL is like https://",
        ),
    ],
)
def test_an_option_that_does_not_fit_is_refused(
    agent: type[MCPAgent], options: dict[str, object], message: str, hint: str
) -> None:
    with pytest.raises(UserError) as caught:
        agent.create(**options)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_options_that_published_code_passes_without_effect_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO", logger="hud.agents"):
        ClaudeAgent.create(api_key="key", validate_api_key=False)
    assert "the option `validate_api_key` of the agent `claude` has no effect" in caplog.text


def test_a_key_is_never_shown() -> None:
    agent = ClaudeAgent.create(api_key="sk-secret")
    assert "sk-secret" not in f"{agent.config!r} {agent.connection!r}"


def test_an_agent_of_ones_own_is_made_from_the_published_config() -> None:
    class Config(BaseAgentConfig):
        colour: str = "red"

    class Painter(MCPAgent):
        config_cls = Config

    config = Painter.create(colour="blue", append_setup_output=True, initial_screenshot=True).config
    assert config == Config(colour="blue", append_setup_output=True, initial_screenshot=True)


def test_published_paths_of_the_loop_and_its_config_lead_to_them() -> None:
    from_types = importlib.import_module("hud.types").BaseAgentConfig
    loop = importlib.import_module("hud.agents.base")
    assert (from_types, loop.BaseAgentConfig) == (BaseAgentConfig, BaseAgentConfig)
    assert loop.MCPAgent is MCPAgent
    assert loop.find_reward(MCPToolResult(structured_content={"grade": 0.5})) == 0.5
    with pytest.raises(AttributeError, match="find_fault"):
        _ = loop.find_fault

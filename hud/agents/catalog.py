"""Which agents there are, and which of them a name means: an agent's own name, or a model's."""

from __future__ import annotations

import difflib
import importlib
import re
from dataclasses import dataclass
from typing import Any

from hud.agents.agent import MCPAgent
from hud.agents.connection import ANTHROPIC, COMPATIBLE, GEMINI, OPENAI, Provider
from hud.errors import UserError, describe
from hud.settings import get_settings


@dataclass(frozen=True)
class AgentEntry:
    """An agent that can be asked for by name."""

    path: str
    """Module and class; importing it loads the provider's package."""
    description: str
    provider: Provider | None = None
    """Whose key it needs; None for agents that ask no model."""
    needs_screen: bool = False
    """Whether it plays only in environments that have a computer tool."""

    @property
    def key_variable(self) -> str | None:
        """The environment variable that holds the key."""
        return self.provider.key_variable if self.provider else None

    def load(self) -> type[MCPAgent]:
        """The agent's class.

        Raises:
            UserError: the provider's package is not installed, or cannot be imported.
        """
        module, _, name = self.path.partition(":")
        try:
            loaded: type[MCPAgent] = getattr(importlib.import_module(module), name)
        except UserError:
            raise
        except Exception as exc:  # whatever a broken or foreign version of a package raises
            label = self.provider.name if self.provider else name
            message = f"the package for {label} cannot be imported: {describe(exc)}"
            raise UserError(message, hint="pip install --upgrade 'hud-local[agents]'") from exc
        return loaded


AGENTS = {
    "claude": AgentEntry(
        "hud.agents.claude:ClaudeAgent", "Claude, by Anthropic's Messages API", ANTHROPIC
    ),
    "openai": AgentEntry(
        "hud.agents.openai:OpenAIAgent", "OpenAI's models, by the Responses API", OPENAI
    ),
    "gemini": AgentEntry(
        "hud.agents.gemini:GeminiAgent", "Gemini, by its OpenAI-compatible endpoint", GEMINI
    ),
    "operator": AgentEntry(
        "hud.agents.operator:OperatorAgent", "OpenAI's computer use model", OPENAI, True
    ),
    "gemini_cua": AgentEntry(
        "hud.agents.gemini_cua:GeminiCUAAgent", "Gemini's computer use model", GEMINI, True
    ),
    "openai_compatible": AgentEntry(
        "hud.agents.openai_chat:OpenAIChatAgent",
        "any endpoint with chat completions; needs a model",
        COMPATIBLE,
    ),
    "oracle": AgentEntry(
        "hud.agents.oracle:OracleAgent", "replays the task's validation: no model, no key"
    ),
    "nop": AgentEntry(
        "hud.agents.nop:NopAgent", "does nothing and answers nothing: no model, no key"
    ),
}
"""The agents by name."""

SYNONYMS = {"integration_test": "oracle"}
MODELS = (
    (re.compile(r"computer-use-preview.*"), "operator"),
    (re.compile(r"gemini-.*computer-use.*"), "gemini_cua"),
    (re.compile(r"claude-.+"), "claude"),
    (re.compile(r"(gpt-(?!oss)|chatgpt-).+|o[1-9](-.+)?"), "openai"),
    (re.compile(r"gemini-.+"), "gemini"),
)
"""Which agent a model's name belongs to."""


def create_agent(name: str | None = None, **options: Any) -> MCPAgent:
    """The agent that `name` means, an agent's name or a model's, with the options of its `create`.

    `create_agent(model=…)` alone means the model's agent.

    Raises:
        UserError: the name is unknown, an option does not fit, or key or package is missing.
    """
    model = options.pop("model", None)
    if name is None and not model:
        raise UserError("create_agent was given no agent and no model", hint=_listed())
    agent, model = resolve(name or model, None if name is None else model)
    chosen = {"model": model} if model else {}
    return AGENTS[agent].load().create(**chosen, **options)


def resolve(name: str, model: str | None = None) -> tuple[str, str | None]:
    """The agent's name and the model's (None: the agent's default) that `name` means.

    Raises:
        UserError: no agent and no model of a known provider has this name, or it needs a model.
    """
    agent = SYNONYMS.get(name, name)
    if agent not in AGENTS:
        return _agent_of_model(name, model), name
    if agent == "openai_compatible" and not model:
        raise UserError(
            f"the agent `{agent}` needs a model", hint="name it with --model, or `model=`"
        )
    return agent, model


def agent_of_model(model: str) -> str | None:
    """The agent that a model's name belongs to; None for names of no known provider."""
    return next((agent for pattern, agent in MODELS if pattern.fullmatch(model)), None)


def available() -> list[str]:
    """Names of the agents for any environment that have a model of their own and whose provider's
    key is set.
    """
    settings = get_settings()
    return [
        name
        for name, entry in AGENTS.items()
        if entry.provider
        and not (entry.provider.open or entry.needs_screen)
        and entry.provider.key(settings)
    ]


def _agent_of_model(name: str, model: str | None) -> str:
    if model not in (None, name):
        raise UserError(
            f"`{name}` is no agent, and the model is given as `{model}`", hint=_listed()
        )
    if agent := agent_of_model(name):
        return agent
    if get_settings().openai_base_url:
        return "openai_compatible"
    near = difflib.get_close_matches(name, [*AGENTS, *SYNONYMS], n=1)
    raise UserError(
        f"no agent and no known model is named `{name}`",
        hint=(f"did you mean `{near[0]}`? " if near else "") + _listed(),
    )


def _listed() -> str:
    return (
        f"agents: {', '.join(AGENTS)}; a model's name works too (`claude-…`, `gpt-…`, `gemini-…`, "
        f"with {OPENAI.url_variable} set any other)"
    )

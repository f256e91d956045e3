"""Names of agents and models, and what is said when a key or a package is missing."""

from __future__ import annotations

import json

import pytest

from hud.agents import OracleAgent, create_agent
from hud.agents.catalog import AGENTS, available, resolve
from hud.errors import UserError
from tests.command import Command

CREATE = """
import sys
from hud.agents import create_agent
from hud.errors import UserError
for name in sys.argv[1:]:
    try:
        print("made", create_agent(name).model)
    except UserError as error:
        print(error.message, "|", error.hint)
"""


@pytest.mark.parametrize(
    ("name", "model", "meant"),
    [
        ("claude", None, ("claude", None)),
        ("claude", "claude-opus-4-5", ("claude", "claude-opus-4-5")),
        ("integration_test", None, ("oracle", None)),
        ("nop", None, ("nop", None)),
        ("claude-sonnet-4-5", None, ("claude", "claude-sonnet-4-5")),
        ("gpt-5.4", None, ("openai", "gpt-5.4")),
        ("o3", None, ("openai", "o3")),
        ("o4-mini", None, ("openai", "o4-mini")),
        ("chatgpt-4o-latest", None, ("openai", "chatgpt-4o-latest")),
        ("gemini-3-pro-preview", None, ("gemini", "gemini-3-pro-preview")),
        ("openai_compatible", "qwen3", ("openai_compatible", "qwen3")),
        ("operator", None, ("operator", None)),
        ("computer-use-preview", None, ("operator", "computer-use-preview")),
        (
            "gemini-2.5-computer-use-preview-10-2025",
            None,
            ("gemini_cua", "gemini-2.5-computer-use-preview-10-2025"),
        ),
    ],
)
def test_a_name_means_an_agent_or_a_model(
    name: str, model: str | None, meant: tuple[str, str | None]
) -> None:
    assert resolve(name, model) == meant


@pytest.mark.parametrize(
    ("name", "model", "message", "hint"),
    [
        ("cluade", None, "no agent and no known model is named `cluade`", "did you mean `claude`?"),
        ("qwen3", None, "no agent and no known model is named `qwen3`", "agents: claude, openai,"),
        ("gpt-oss-20b", None, "no agent and no known model is named", "OPENAI_BASE_URL"),
        ("openai_compatible", None, "the agent `openai_compatible` needs a model", "--model"),
        ("gpt-4o", "o3", "`gpt-4o` is no agent, and the model is given as `o3`", "agents:"),
    ],
)
def test_a_name_that_means_nothing_is_refused_with_what_there_is(
    name: str, model: str | None, message: str, hint: str
) -> None:
    with pytest.raises(UserError) as caught:
        resolve(name, model)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_agents_without_a_model_need_no_key() -> None:
    assert isinstance(create_agent("oracle", system_prompt="", allowed_tools=["*"]), OracleAgent)
    assert {name for name, entry in AGENTS.items() if entry.key_variable is None} == {
        "oracle",
        "nop",
    }
    assert available() == []


def test_a_missing_key_is_named(python: Command) -> None:
    told = python("-c", CREATE, "claude", "gpt-5.4", "gemini").stdout.splitlines()
    assert told == [
        f"the agent `{agent}` needs {key}, which is not set | export {key}=…, or put it in .env"
        for agent, key in (
            ("claude", "ANTHROPIC_API_KEY"),
            ("openai", "OPENAI_API_KEY"),
            ("gemini", "GEMINI_API_KEY"),
        )
    ]


def test_keys_and_addresses_come_from_the_environment(python: Command) -> None:
    variables = {"GOOGLE_API_KEY": "key", "OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}
    made = python.having(**variables)("-c", CREATE, "gemini", "qwen3", "gpt-oss-20b").stdout
    assert made.splitlines() == ["made gemini-3-pro-preview", "made qwen3", "made gpt-oss-20b"]


def test_a_key_may_be_in_a_file(python: Command) -> None:
    (python.cwd / ".env").write_text("ANTHROPIC_API_KEY=key\n", encoding="utf-8")
    listed = "from hud.agents.catalog import available; print(available())"
    assert python("-c", listed).stdout == "['claude']\n"


def test_a_missing_package_is_named_with_the_command_that_installs_it(python: Command) -> None:
    without = f"import sys; sys.modules['anthropic'] = sys.modules['openai'] = None\n{CREATE}"
    told = python("-c", without, "claude", "openai", "gemini").stdout.splitlines()
    assert told == [
        f"the agent `{agent}` needs the package `{package}` | pip install 'hud-local[agents]'"
        for agent, package in (("claude", "anthropic"), ("openai", "openai"), ("openai", "openai"))
    ]


def test_a_package_that_is_broken_is_not_called_missing(python: Command) -> None:
    (python.cwd / "anthropic.py").write_text("import no_such_module", encoding="utf-8")
    broken = python("-c", f"import sys; sys.path.insert(0, '')\n{CREATE}", "claude")
    assert "ModuleNotFoundError: No module named 'no_such_module'" in broken.stdout


def test_the_public_names_load_when_they_are_named(python: Command) -> None:
    ended = python(
        "-c",
        "import hud.agents, json, sys\n"
        "before = {'openai', 'anthropic', 'httpx2'} & set(sys.modules)\n"
        "names = [getattr(hud.agents, name).__name__ for name in hud.agents.__all__]\n"
        "print(json.dumps([sorted(before), names == hud.agents.__all__]))",
    )
    assert json.loads(ended.stdout) == [[], True], ended.stderr


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(ImportError, match="WaiterAgent"):
        exec("from hud.agents import WaiterAgent")

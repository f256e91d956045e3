"""Options of an evaluation: what was given, over the folder's file, over the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hud.errors import UserError
from hud.eval.config import CONFIG_FILE, EvalConfig, load_config, parse_pairs


def loaded(folder: Path, text: str = "", *pairs: str, **given: Any) -> EvalConfig:
    if text:
        (folder / CONFIG_FILE).write_text(text)
    return load_config(given, pairs, folder)


def refusal(folder: Path, text: str = "", *pairs: str, **given: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        loaded(folder, text, *pairs, **given)
    assert "\n" not in caught.value.message
    return caught.value


def test_a_file_gives_what_the_command_line_does_not(tmp_path: Path) -> None:
    text = '[eval]\nagent = "claude"\ngroup_size = 3\nall = true\n[claude]\nmax_tokens = 7\n'
    config = loaded(tmp_path, text, group_size=5, agent=None)
    assert (config.agent, config.group_size, config.all) == ("claude", 5, True)
    assert config.options == {"max_tokens": 7}


def test_pairs_win_over_the_agents_section(tmp_path: Path) -> None:
    text = '[eval]\nagent = "claude"\n[claude]\nmax_tokens = 7\nmodel = "m"\n[openai]\nx = 1\n'
    assert loaded(tmp_path, text, "max_tokens=9").options == {"max_tokens": 9, "model": "m"}


def test_the_originals_file_is_read_and_its_hosted_options_are_passed_over(tmp_path: Path) -> None:
    text = (
        '[eval]\nremote = true\ngateway = false\ntaskset = "x"\n[agent]\nallowed_tools = ["a*"]\n'
    )
    assert loaded(tmp_path, text).allowed_tools == ["a*"]


def test_the_file_may_name_environment_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_MODEL", "gpt-x")
    text = '[eval]\nmodel = "${MY_MODEL}${UNSET_ONE}"\n'
    assert loaded(tmp_path, text).model == "gpt-x"


def test_without_a_file_none_is_made(tmp_path: Path) -> None:
    assert loaded(tmp_path) == EvalConfig()
    assert list(tmp_path.iterdir()) == []


BAD_FILES = [
    ("[eval\n", "`.hud_eval.toml` is not TOML", None),
    ("[eval]\ngroop_size = 3\n", "`groop_size`", "did you mean `group_size`?"),
    ("[eval]\ngroup_size = 0\n", "`group_size`", None),
    ('[eval]\nisolation = "none"\n', "`isolation`", None),
    ("[clude]\nx = 1\n", "unknown section [clude]", "did you mean `claude`?"),
    ("eval = 3\n", "`eval` is no section", "write [eval] and its options below"),
    ('claude = "x"\n', "`claude` is no section", "write [claude] and its options below"),
]


@pytest.mark.parametrize(("text", "complaint", "hint"), BAD_FILES)
def test_a_bad_file_is_named(tmp_path: Path, text: str, complaint: str, hint: str | None) -> None:
    error = refusal(tmp_path, text)
    assert complaint in error.message
    assert error.hint == hint


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_bytes(b"\xff\xfe")
    assert "`.hud_eval.toml` is not TOML" in refusal(tmp_path).message


@pytest.mark.parametrize(
    ("pairs", "agent", "options"),
    [
        (["temperature=0.5", "n=3"], "claude", {"temperature": 0.5, "n": 3}),
        (["claude.max_tokens=5", "openai.x=1"], "claude", {"max_tokens": 5}),
        (["agent.x=1"], "claude", {"x": 1}),
        (
            ["a=true", "b=False", "c=none", "d=null"],
            None,
            {"a": True, "b": False, "c": None, "d": None},
        ),
        (
            ['names=["a", "b"]', "text=a=b", "url=http://x/?y=1", "empty="],
            None,
            {
                "names": ["a", "b"],
                "text": "a=b",
                "url": "http://x/?y=1",
                "empty": "",
            },
        ),
    ],
)
def test_pairs_are_options_of_the_agent(
    pairs: list[str], agent: str | None, options: dict[str, Any]
) -> None:
    assert parse_pairs(pairs, agent) == options


@pytest.mark.parametrize(
    ("pair", "hint"),
    [("novalue", None), ("=3", None), ("clude.x=1", "did you mean `claude`?")],
)
def test_a_pair_that_cannot_be_read_is_quoted(tmp_path: Path, pair: str, hint: str | None) -> None:
    error = refusal(tmp_path, "", pair)
    assert f"`--config {pair}`" in error.message
    assert error.hint == hint


@pytest.mark.parametrize(
    ("given", "steps", "only_first"),
    [
        ({}, 10, True),
        ({"all": True}, 10, False),
        ({"full": True}, 100, False),
        ({"full": True, "max_steps": 5}, 5, False),
        ({"max_steps": -1}, -1, True),
        ({"task_ids": ["a"]}, 10, False),
    ],
)
def test_how_much_runs_and_how_long(given: dict[str, Any], steps: int, only_first: bool) -> None:
    config = EvalConfig(**given)
    assert (config.steps, config.only_first) == (steps, only_first)

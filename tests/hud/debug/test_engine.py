"""The phases, on real servers that follow a script."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hud.debug import Options, PhaseEvent, debug
from hud.debug.targets.target import Grace
from tests.hud.debug.scripted import READS, ScriptTarget, scenario, tool
from tests.hud.debug.scripted_server import Script

pytestmark = pytest.mark.anyio

QUICK = Options(start_seconds=10.0, call_seconds=0.5, grace=Grace(0.3, 0.3))


async def examine(options: Options = QUICK, max_phase: int = 7, **fields: Any) -> list[PhaseEvent]:
    """The phases of a server that follows the script of these fields, without their beginnings."""
    target = ScriptTarget(Script(**fields))
    async with aclosing(debug(target, max_phase=max_phase, options=options)) as events:
        return [event async for event in events if event.status != "running"]


async def failure(**fields: Any) -> tuple[int, str, str]:
    """Number, kind and error of the phase that failed."""
    events = await examine(**fields)
    failed = next(event for event in events if event.status == "failed")
    assert failed.remedy is not None
    assert failed.remedy.fix
    return failed.phase.number, failed.remedy.kind, failed.remedy.error


async def notes_of(number: int, **fields: Any) -> list[str]:
    """The notes and warnings of a phase that passed."""
    event = (await examine(max_phase=number, **fields))[number - 1]
    assert event.status == "passed", event.remedy
    return [*event.notes, *event.warnings]


async def test_a_healthy_server_passes_every_phase_in_order() -> None:
    events = await examine(scenarios=[scenario("count")])
    assert [event.remedy for event in events] == [None] * 7
    assert [(event.phase.number, event.status) for event in events] == [
        (number, "passed") for number in range(1, 8)
    ]


async def test_each_phase_says_when_it_begins() -> None:
    events = [event.status async for event in debug(ScriptTarget(Script()), max_phase=2)]
    assert events == ["running", "passed", "running", "passed"]


async def test_phases_after_a_failure_are_skipped() -> None:
    events = await examine(tools=[tool("no spaces")])
    assert [event.status for event in events] == ["passed"] * 2 + ["failed"] + ["skipped"] * 4
    assert events[2].title == "Tool discovery failed"


async def test_an_environment_of_scenarios_alone_is_fine() -> None:
    assert (await notes_of(3, tools=[], scenarios=[scenario("count")]))[0] == "0 tools, 1 scenario"


AS_LIST = {"type": "object", "properties": []}
TYPO = {"type": "object", "properties": {"n": {"type": "integr"}}}


@pytest.mark.parametrize(
    ("tools", "kind", "words"),
    [
        ([], "nothing-offered", "neither tools nor scenarios"),
        ([tool("büro")], "tool-name", "büro"),
        ([tool("x" * 65)], "tool-name", "no provider takes"),
        ([tool("ping"), tool("ping")], "tool-name", "2 tools are called `ping`"),
        ([tool("ping", inputSchema=TYPO)], "tool-schema", "`ping` is no JSON Schema"),
        ([tool("ping", inputSchema=AS_LIST)], "tool-schema", "tools.0.inputSchema.properties"),
        ([tool("ping", inputSchema={"type": "string"})], "tool-schema", "should be 'object'"),
        ([tool("ping", inputSchema={})], "tool-schema", "inputSchema.type"),
    ],
)
async def test_what_no_provider_takes_fails_discovery(
    tools: list[dict[str, Any]], kind: str, words: str
) -> None:
    number, found, error = await failure(tools=tools)
    assert (number, found) == (3, kind)
    assert words in error


async def test_a_missing_description_is_a_warning() -> None:
    told = await notes_of(3, tools=[tool("ping", description=""), tool("pong")])
    assert told == ["2 tools, 0 scenarios", "without a description: `ping`"]


async def test_only_what_is_safe_is_called() -> None:
    required = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    tools = [
        tool("reads", annotations=READS, inputSchema=required),
        tool("plain"),
        tool("writes", inputSchema=required),
        tool("destroys", annotations={"destructiveHint": True}),
    ]
    unsafe = {"writes": "exit", "destroys": "exit"}
    told = await notes_of(4, tools=tools, results=unsafe)
    assert told == ["2 tools called", "2 not called: not safe without a task"]


@pytest.mark.parametrize(
    ("result", "kind", "error"),
    [
        (
            "error:[Errno 111] Connection refused: ('127.0.0.1', 5432)",
            "backend-refused",
            "Connection refused on port 5432",
        ),
        ("error:NameError: name 'shop' is not defined", "tool", "tool `ping` failed: NameError"),
        ("error:No module named 'yaml'", "missing-module", "tool `ping` failed: No module"),
        ("hang", "hangs", "tool `ping` gave no answer within 0.5 s"),
        ("spoil", "stdout-pollution", "stdout holds what is no protocol: 'Loading…"),
        ("exit", "crash", "the server ended with exit code 3"),
    ],
)
async def test_a_tool_that_fails_for_the_environments_reasons_fails_the_phase(
    result: str, kind: str, error: str
) -> None:
    number, found, said = await failure(results={"ping": result})
    assert (number, found) == (4, kind)
    assert said.startswith(error)


async def test_a_call_may_take_longer_than_a_start() -> None:
    options = replace(QUICK, start_seconds=1.0, call_seconds=1.5)
    found = await failure(results={"ping": "hang"}, options=options)
    assert found == (4, "hangs", "tool `ping` gave no answer within 1.5 s")


async def test_a_tool_that_only_refuses_is_a_warning() -> None:
    told = await notes_of(4, results={"ping": "error:no game is under way"})
    assert told == ["1 tool called", "tool `ping` failed: no game is under way"]


async def test_what_is_printed_between_messages_is_a_warning() -> None:
    told = await notes_of(4, results={"ping": "print"})
    assert told[-1] == "1 line on stdout, which belongs to the protocol: 'debug: here I am'"


@pytest.mark.parametrize("words", ["Starting…\n", "Loading… "])
async def test_words_before_the_first_answer_fail_the_handshake(words: str) -> None:
    number, kind, error = await failure(first_words=words)
    assert (number, kind) == (2, "stdout-pollution")
    assert words.strip() in error


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"prompt": "error:the file menu.json is gone"}, "scenario-setup", "menu.json"),
        ({"prompt": "error:KeyError: 'SHOP_TOKEN'"}, "missing-variable", "SHOP_TOKEN"),
        ({"reward": "error:no table orders"}, "scenario-grading", "no table orders"),
        ({"reward": "no number"}, "scenario-grading", "no grade"),
        ({"reward": '{"reward": 2}'}, "reward-range", "an empty answer 2, outside [0, 1]"),
    ],
)
async def test_a_scenario_that_cannot_be_played_fails_the_phase(
    fields: dict[str, str], kind: str, words: str
) -> None:
    number, found, error = await failure(scenarios=[scenario("count")], **fields)
    assert (number, found) == (5, kind)
    assert words in error


async def test_every_broken_scenario_is_counted() -> None:
    _, _, error = await failure(
        scenarios=[scenario("one"), scenario("two")], prompt="error:no disk"
    )
    assert error.endswith("no disk (and 1 other scenario)")


DATE = {"name": "day", "required": True, "inputSchema": {"type": "string", "format": "date"}}
WORD = {"name": "word", "required": True, "inputSchema": {"type": "string"}}


@pytest.mark.parametrize(
    ("argument", "prompt", "reason"),
    [
        (DATE, "Go.", "skipped: `day` has a form that cannot be made up"),
        (WORD, "error:no such word", "made-up arguments (word='example') do not fit it"),
    ],
)
async def test_a_scenario_without_known_arguments_is_skipped_with_its_reason(
    argument: dict[str, Any], prompt: str, reason: str
) -> None:
    told = await notes_of(5, scenarios=[scenario("count", [argument])], prompt=prompt)
    assert told[0] == "0 scenarios set up and graded"
    assert reason in told[1]


async def test_arguments_that_were_given_are_used_and_have_to_fit() -> None:
    options = Options(arguments={"count": {"word": "pear"}})
    scenarios = [scenario("count", [WORD])]
    events = await examine(options, scenarios=scenarios, prompt="error:no such word")
    assert events[4].status == "failed"


async def test_a_full_reward_for_an_empty_answer_is_a_warning() -> None:
    told = await notes_of(5, scenarios=[scenario("count")], reward='{"reward": 1.0}')
    assert told[1] == "scenario `shop:count` gave the full reward to an empty answer"


async def test_a_prompt_that_changes_fails_isolation() -> None:
    number, kind, error = await failure(scenarios=[scenario("count")], prompt="Round {times}.")
    assert (number, kind) == (6, "prompt-changes")
    assert "'Round 1.' became 'Round 2.'" in error


async def test_state_that_servers_share_fails_isolation(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.write_text("")
    tools = [tool("poke"), tool("peek", annotations=READS)]
    number, kind, error = await failure(tools=tools, journal=str(journal))
    assert (number, kind) == (6, "shared-state")
    assert "what `peek` says at another server changed" in error


async def test_a_server_that_ignores_sigterm_is_killed_and_fails() -> None:
    number, kind, error = await failure(ignores_sigterm=True, ends_with_stdin=False)
    assert (number, kind) == (7, "shutdown")
    assert "was killed" in error


async def test_a_server_that_waits_for_its_stdin_to_end_is_a_warning() -> None:
    told = await notes_of(7, ignores_sigterm=True)
    assert told[1].startswith("SIGTERM alone did not end the server")


async def test_a_process_that_outlives_its_server_fails_and_is_ended() -> None:
    number, kind, error = await failure(child=True)
    assert (number, kind) == (7, "leftovers")
    assert "a process that it had started" in error


async def test_an_event_as_json_holds_diagnosis_and_evidence() -> None:
    events = await examine(results={"ping": "exit"})
    data = events[3].as_json()
    assert (data["number"], data["status"], data["kind"]) == (4, "failed", "crash")
    assert data["evidence"]["exit_code"] == 3
    assert data["fix"]


async def test_closing_early_ends_the_servers() -> None:
    target = ScriptTarget(Script(child=True))
    events = debug(target, options=QUICK)
    async for event in events:
        if (event.phase.number, event.status) == (3, "running"):
            break
    await events.aclose()
    assert await target.leftovers() == []

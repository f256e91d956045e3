"""Phase 6: two servers of the same target side by side do not see each other, and setting up twice
gives the same.
"""

from __future__ import annotations

from hud.debug.evidence import Kind
from hud.debug.examination import Examination, Link, Passed, Played
from hud.debug.phases.discovery import count
from hud.debug.phases.scenarios import grade, set_up
from hud.debug.phases.tools import call, safe_arguments
from hud.debug.targets.target import CheckFailure

SHOWN = 60


async def compare_sessions(examination: Examination) -> Passed:
    """What happens at one server changes nothing at another; prompts are the same every time.

    Servers that several sessions can share are looked at with a second session too; there, shared
    state is a warning, for a rollout has a server to itself.
    """
    main = examination.link
    twin = examination.twin or await examination.open_another("legacy")
    examination.twin = twin
    readings = await _compare(examination, main, twin, "another server")
    warnings = await _shared_sessions(examination, main) if main.server.is_shared else ()
    prompts = count(len(examination.played), "prompt")
    told = f"{prompts} and {count(readings, 'reading')} compared at two servers"
    return Passed((told,), warnings)


async def _shared_sessions(examination: Examination, main: Link) -> tuple[str, ...]:
    guest = await examination.connect(main.server, "legacy")
    try:
        await _compare(examination, main, guest, "another session")
    except CheckFailure as exc:
        return (f"sessions of one server share state: {exc.message}",)
    finally:
        await guest.close()
    return ()


async def _compare(examination: Examination, main: Link, other: Link, where: str) -> int:
    """Work at `main`, look at `other`, then play there while `main` is under way; returns how many
    readings agreed.
    """
    before = await _readings(examination, other)
    await _work(examination, main)
    after = await _readings(examination, other)
    for name, text in before.items():
        if after.get(name) != text:
            told = (
                f"what `{name}` says at {where} changed: {_difference(text, after.get(name, ''))}"
            )
            raise CheckFailure(told, kind=Kind.SHARED_STATE)
    for played in examination.played:
        _check_prompt(played, await _set_up(examination, other, played), where)
        await grade(examination, other, played.prompt)
    if examination.played:
        await grade(examination, main, examination.played[-1].prompt)
    return len(before)


async def _work(examination: Examination, link: Link) -> None:
    """Call what is safe to call, and set every scenario up; the last stays under way."""
    for tool in examination.tools:
        sample = safe_arguments(tool)
        if sample is not None and not sample.invented:
            await call(examination, link, tool.name, sample.arguments)
    for played in examination.played:
        _check_prompt(played, await _set_up(examination, link, played), "the second time")


async def _set_up(examination: Examination, link: Link, played: Played) -> str:
    return await set_up(examination, link, played.prompt, played.arguments)


def _check_prompt(played: Played, text: str, where: str) -> None:
    if text != played.text:
        change = _difference(played.text, text)
        told = f"scenario `{played.prompt.name}` gave another prompt {where}: {change}"
        raise CheckFailure(told, kind=Kind.PROMPT_CHANGES)


async def _readings(examination: Examination, link: Link) -> dict[str, str]:
    """What the tools say that are safe to call and say the same twice."""
    found = {}
    for tool in examination.tools:
        sample = safe_arguments(tool)
        if sample is None or sample.invented:
            continue
        first = await call(examination, link, tool.name, sample.arguments)
        second = await call(examination, link, tool.name, sample.arguments)
        if first.text == second.text and not first.is_error:
            found[tool.name] = first.text
    return found


def _difference(one: str, other: str) -> str:
    """Two texts from a little before the place where they part."""
    pairs = enumerate(zip(one, other, strict=False))
    parted = next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
    start = max(0, parted - SHOWN // 3)
    return f"{one[start : start + SHOWN]!r} became {other[start : start + SHOWN]!r}"

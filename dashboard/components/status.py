"""What a status looks like, everywhere the same: icon, colour and word."""

from __future__ import annotations

from typing import Literal, NamedTuple

import streamlit as st

from dashboard.components.plain import escaped

Color = Literal["green", "red", "orange", "blue", "gray"]


class Look(NamedTuple):
    """How one status is shown."""

    icon: str
    color: Color
    word: str


PASSED = Look(":material/check_circle:", "green", "passed")
FAILED = Look(":material/error:", "red", "failed")
PARTIAL = Look(":material/contrast:", "orange", "partial")
RUNNING = Look(":material/progress_activity:", "blue", "running")
WAITING = Look(":material/schedule:", "gray", "waiting")

_LOOKS: dict[str, Look] = {
    "passed": PASSED,
    "ok": PASSED._replace(word="ok"),
    "finished": PASSED._replace(word="finished"),
    "scored": PASSED._replace(word="scored"),
    "running": RUNNING,
    "building": RUNNING._replace(word="building"),
    "starting": RUNNING._replace(word="starting"),
    "failed": FAILED,
    "warning": PARTIAL._replace(word="warning"),
    "cancelled": Look(":material/do_not_disturb_on:", "orange", "cancelled"),
    "stopped": Look(":material/pause_circle:", "gray", "stopped"),
    "found": WAITING._replace(word="found"),
    "skipped": Look(":material/remove_circle:", "gray", "skipped"),
}


def look_of(status: str | None) -> Look:
    """How a status is shown; None means that it is still waited for."""
    return _LOOKS.get(status or "", WAITING) if status else WAITING


def served(status: str) -> Look:
    """How an environment's state is shown: `running` means well there."""
    return PASSED._replace(word="running") if status == "running" else look_of(status)


def look_of_reward(reward: float | None, threshold: float = 1.0) -> Look:
    """How a reward is shown: passed, partial or failed."""
    if reward is None:
        return WAITING._replace(word="no reward")
    if reward >= threshold:
        return PASSED
    return PARTIAL if reward > 0 else FAILED._replace(word="not passed")


def badge(look: Look, text: str | None = None) -> None:
    """A badge with the status's icon and colour, and its word where no other text is given."""
    st.badge(escaped(text) if text else look.word, icon=look.icon, color=look.color)

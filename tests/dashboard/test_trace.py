"""A trace: steps as a document, scoring, log, and the way to the next one."""

from __future__ import annotations

import pytest

from hud.client import Client
from hud.types import EvaluationResult, SubScore, TraceStep
from tests.controller.records import record, transcript
from tests.controller.running import RunningController
from tests.dashboard.pages import Pages, texts
from tests.dashboard.seeding import Seeded, seed_screens
from tests.dashboard.tables import click, place, table

IDS = Seeded()
SCREENS = {"job": IDS.screens, "rollout": IDS.pictured}


@pytest.fixture(scope="module", autouse=True)
def _screens(controller: RunningController) -> None:
    with controller.client() as client:
        seed_screens(client, IDS)
        steps = [TraceStep(kind="tool", name=f"look{n}", started=n) for n in range(50)]
        many = transcript("walk", "a", reward=0.0).model_copy(update={"steps": steps})
        failed = transcript(
            "walk", "c", status="failed", reward=None, boundary="setup", error="no <b>door</b>",
            hint="hud debug .",
        )  # fmt: skip
        record(client, "walk", many, transcript("walk", "b"), failed)
        parts = [SubScore(name="quality", value=0, weight=0.5, error="no judge <b>there</b>")]
        parts.append(SubScore(name="length", value=1, weight=0.5))
        unknown = transcript(
            "judged", "a", status="failed", reward=None, boundary="grading", error="no judge",
            evaluation=EvaluationResult(reward=0.5, subscores=parts),
        )  # fmt: skip
        record(client, "judged", unknown)


def test_steps_read_like_a_document(pages: Pages) -> None:
    page = pages.open("trace", **SCREENS)
    said = texts(page)
    assert 'computer(action="click", x=312, y=220)' in said
    assert "The mail icon should be in the dock." in said
    assert "red-badge[:material/error: error]" in said
    assert said.count("no such file") == 1
    assert len(page.image) == 1
    assert list(table(page, "what")["step"]) == list(range(1, 9))


def test_long_output_is_folded_to_twelve_lines(pages: Pages) -> None:
    page = pages.open("trace", **SCREENS)
    listing = next(item.value for item in page.code if "message-0000" in item.value)
    assert listing.count("\n") == 11
    assert "48 more lines" in [item.label for item in page.expander]


def test_a_step_is_chosen_in_the_list_and_named_by_the_address(pages: Pages) -> None:
    page = pages.open("trace", **SCREENS)
    moved = click(page, f"steps-{IDS.pictured}-None", 4)
    assert place(moved) == {**SCREENS, "step": "5"}
    assert "step 5" in texts(moved)
    assert "step 4" not in texts(moved)


def test_steps_are_walked_with_buttons(pages: Pages) -> None:
    page = pages.open("trace", **SCREENS, step="2")
    assert place(page.button(key="step-after").click().run())["step"] == "3"
    assert place(page.button(key="step-before").click().run())["step"] == "2"


@pytest.mark.parametrize("step", ["0", "9", "-1", "x", "99999999999"])
def test_a_step_that_is_not_there_is_none(pages: Pages, step: str) -> None:
    assert "Open the inbox" in texts(pages.open("trace", **SCREENS, step=step))


def test_scoring_shows_answer_and_subscores(pages: Pages) -> None:
    page = pages.open("trace", **SCREENS, show="Scoring")
    parts = table(page, "share").set_index("name")
    assert parts.loc["message-read", "share"] == pytest.approx(0.15)
    assert "the newest message was not read" in texts(page)


def test_scoring_tells_which_part_could_not_be_graded(pages: Pages, client: Client) -> None:
    rollout = client.rollouts(job="judged").items[0].id
    page = pages.open("trace", job="judged", rollout=rollout, show="Scoring")
    parts = table(page, "share").set_index("name")
    assert parts.loc["quality", "error"] == "no judge <b>there</b>"
    assert parts["value"].isna().tolist() == [True, False]
    assert "It was not graded." in texts(page)


def test_the_log_and_the_raw_record_are_behind_a_click(pages: Pages) -> None:
    assert "frame 39 drawn" not in texts(pages.open("trace", **SCREENS))
    assert "frame 39 drawn" in texts(pages.open("trace", **SCREENS, show="Log"))
    assert '"job_id": "20261120-120000-scrn"' in texts(pages.open("trace", **SCREENS, show="Raw"))


def test_one_walks_from_rollout_to_rollout(pages: Pages, client: Client) -> None:
    first = client.rollouts(job="walk", task="a").items[0].id
    page = pages.open("trace", job="walk", rollout=first)
    assert page.button(key="previous").disabled
    page.button(key="next").click().run()
    assert place(page) == {"job": "walk", "rollout": "b.nop.0"}


def test_of_many_steps_some_are_shown(pages: Pages) -> None:
    page = pages.open("trace", job="walk", rollout="a.nop.0", step="31")
    said = texts(page)
    assert "look30()" in said
    assert "look29()" not in said
    page.button(key="from-start").click().run()
    assert "look0()" in texts(page)
    assert "look20()" not in texts(page)


def test_a_failed_rollout_says_where_and_why(pages: Pages) -> None:
    said = texts(pages.open("trace", job="walk", rollout="c.nop.0"))
    assert "failed at setup" in said
    assert "no <b>door</b>" in said
    assert "→ hud debug ." in said


def test_an_unknown_rollout_is_one_line(pages: Pages) -> None:
    assert "nope" in texts(pages.open("trace", job="walk", rollout="nope"))

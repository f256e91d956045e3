"""What somebody else wrote is shown as it is, and read neither as Markdown nor as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from hud.types import EvaluationResult, SubScore, TraceStep
from hud.wire import RolloutRecord, Transcript, Variant
from tests.controller.records import job, transcript
from tests.controller.running import RunningController
from tests.dashboard.pages import Pages

HOSTILE = "![x](http://canary.test/p) [y](javascript:alert(1)) <img src=x onerror=a> :material/bug:"
TASKSET = HOSTILE.replace("/", "")
READ_AS_MARKDOWN = ("![x](", "[y](", " :material/bug:")
PLAIN = {"code", "text", "dataframe", "vega_lite_chart", "text_area", "selectbox", "multiselect"}
"""Elements that show their text as it is."""


@pytest.fixture(scope="module", autouse=True)
def _hostile(controller: RunningController) -> None:
    task = {
        "slug": "bad", "scenario": HOSTILE, "env": {"name": HOSTILE}, "args": {HOSTILE: HOSTILE},
        "columns": {HOSTILE: HOSTILE, "list": [HOSTILE]},
        "validation": [{"name": HOSTILE, "arguments": {HOSTILE: HOSTILE}}],
    }  # fmt: skip
    with controller.client() as client:
        client.save_tasks(TASKSET, [task])
        client.edit_task(TASKSET, "bad", {"metadata": {HOSTILE: HOSTILE}})
        for name in ("one", "two"):
            variants = [Variant(name=HOSTILE, agent=HOSTILE, model=HOSTILE)]
            record = job(name, "bad", "worse", name=HOSTILE, command=["hud", HOSTILE])
            record = record.model_copy(update={"variants": variants, "source": HOSTILE})
            client.record_job(record, TASKSET)
            client.record_rollouts(name, [_scored(name), _failed(name)])
            client.finish_job(name, "finished", 1.0)


def _scored(name: str) -> Transcript:
    parts = [SubScore(name=HOSTILE, value=1.0)]
    evaluation = EvaluationResult(reward=1.0, content=HOSTILE, info={HOSTILE: HOSTILE})
    evaluation = evaluation.model_copy(update={"subscores": parts})
    found = transcript(
        name, "bad", answer=HOSTILE, stop_reason=HOSTILE,
        scenario=HOSTILE, args={HOSTILE: HOSTILE}, columns={HOSTILE: HOSTILE},
        evaluation=evaluation,
    )  # fmt: skip
    blocks: list[dict[str, Any]] = [{"type": "text", "text": HOSTILE}, {"type": HOSTILE}]
    blocks += [{"type": "resource", "resource": {"uri": HOSTILE, "text": HOSTILE}}]
    calls = [{"name": HOSTILE, "arguments": {HOSTILE: HOSTILE}}]
    said = {"content": HOSTILE, "reasoning": HOSTILE, "tool_calls": calls}
    steps = [
        TraceStep(kind="environment", name=HOSTILE, result=HOSTILE),
        TraceStep(kind="model", name=HOSTILE, result=said, error=HOSTILE),
        TraceStep(
            kind="tool", name=HOSTILE, request={HOSTILE: HOSTILE}, result={"content": blocks}
        ),
    ]
    changes = {"steps": steps, "prompt": HOSTILE, "log": HOSTILE, "rollout": _by_hostile(found)}
    return found.model_copy(update=changes)


def _failed(name: str) -> Transcript:
    found = transcript(
        name, "worse", status="failed", reward=None,
        boundary="setup", error=HOSTILE, hint=HOSTILE,
    )  # fmt: skip
    return found.model_copy(update={"detail": HOSTILE, "rollout": _by_hostile(found)})


def _by_hostile(found: Transcript) -> RolloutRecord:
    return found.rollout.model_copy(update={"variant": HOSTILE})


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("jobs", {}),
        *(
            ("jobs", {"job": "one", "view": view})
            for view in ("Results", "Rollouts", "Failures", "About")
        ),
        *(
            ("trace", {"job": "one", "rollout": "bad.nop.0", "show": show})
            for show in ("Transcript", "Scoring", "Log", "Raw")
        ),
        ("trace", {"job": "one", "rollout": "worse.nop.0"}),
        ("compare", {}),
        ("compare", {"job": ["one", "two"], "task": "bad"}),
        ("tasksets", {}),
        ("tasksets", {"taskset": TASKSET}),
        *(
            ("tasksets", {"taskset": TASKSET, "task": "bad", "part": part})
            for part in ("Task", "Traces", "Versions", "Edit")
        ),
        ("tasksets", {"run": TASKSET}),
        ("tasksets", {"taskset": TASKSET, "upload": "more"}),
        ("tasksets", {"taskset": TASKSET + "?"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)  # fmt: skip
def test_no_text_is_read_as_markup(pages: Pages, name: str, where: dict[str, Any]) -> None:
    found = list(_marked_up(pages.open(name, **where)))
    assert found
    for text in found:
        assert not any(part in text for part in READ_AS_MARKDOWN), text


def _marked_up(page: AppTest) -> Iterator[str]:
    for element in page.main:
        if element.type in PLAIN:
            continue
        proto = getattr(element, "proto", None)
        assert not getattr(proto, "allow_html", False)
        for name in ("body", "label", "text", "help", "delta", "delta_description", "placeholder"):
            value = getattr(proto, name, None)
            if isinstance(value, str):
                yield value

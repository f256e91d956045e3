"""What the dashboard's tests and screenshots look at: tasksets, jobs and rollouts of every kind,
put into a running controller through its client. The same call always gives the same data.
"""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image, ImageDraw

from hud.client import Client
from hud.errors import Boundary
from hud.types import EvaluationResult, SubScore, TraceStep, Usage
from hud.wire import JobRecord, JobStatus, RolloutRecord, Transcript, Variant

BEGAN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TASKSET = "letter-counting"
MANY_COLUMNS = "support-desk"
EMPTY = "just-begun"
THOUSAND = "web-search-thousand"
LONG = "navigate-to-the-settings-page-of-the-third-party-billing-portal-and-export-every-invoice-of"
MODELS = (
    Variant(name="claude-sonnet-4-5", agent="claude", model="claude-sonnet-4-5"),
    Variant(name="gpt-5-mini", agent="openai", model="gpt-5-mini"),
)
TOPICS = ("science", "history", "sport", "music")
LETTERS = (
    ("strawberry", "r", "repeated-letters", 1),
    ("mississippi", "s", "repeated-letters", 2),
    ("abracadabra", "a", "spread-letters", 2),
    ("bookkeeper", "e", "spread-letters", 2),
    ("onomatopoeia", "o", "spread-letters", 3),
    ("floccinaucinihilipilification", "i", "long-words", 5),
    ("pneumonoultramicroscopicsilicovolcanoconiosis", "o", "long-words", 5),
    ("queue", "u", "short-words", 1),
    ("banana", "n", "short-words", 1),
    ("rhythm", "a", "absent-letters", 2),
    ("tattarrattat", "t", "repeated-letters", 3),
    ("antidisestablishmentarianism", "i", "long-words", 4),
)
FAILURES: tuple[tuple[Boundary, str, str], ...] = (
    ("provider", "claude: 529: overloaded", "run it again later, or with fewer at a time"),
    ("environment", "tool `count_letter` raised RuntimeError: database is locked", "hud debug ."),
    ("limit", "the rollout took longer than 300 s", "hud eval --timeout 600"),
    ("setup", "scenario `count` raised KeyError: 'letter'", "hud debug . --max-phase 6"),
)


@dataclass(frozen=True)
class Seeded:
    """Ids of what was seeded."""

    baseline: str = "20261120-093000-base"
    candidate: str = "20261120-101500-cand"
    running: str = "20261120-113000-live"
    nothing: str = "20261120-114500-none"
    thousand: str = "20261119-180000-thou"
    wide: str = "20261118-150000-wide"
    screens: str = "20261120-120000-scrn"
    rollout: str = "strawberry-r.claude-sonnet-4-5.0"
    """A rollout of `baseline` that has a reward."""
    pictured: str = "open-inbox.operator.0"
    """The rollout of `screens`; it has images."""


def seed(client: Client) -> Seeded:
    """Everything: some two thousand rollouts, in a few seconds."""
    ids = Seeded()
    seed_letters(client, ids)
    seed_wide(client, ids)
    seed_thousand(client, ids)
    seed_screens(client, ids)
    client.save_tasks(EMPTY, [])
    client.record_job(_job(ids.nothing, "nothing to do", [], MODELS[:1], EMPTY), EMPTY)
    client.finish_job(ids.nothing, "cancelled", 0.2)
    return ids


def seed_letters(client: Client, ids: Seeded) -> None:
    """A taskset of twelve tasks with two versions of one, and three jobs of it: two that can be
    compared, and one that is half done.
    """
    client.save_tasks(TASKSET, [_letter_task(*row) for row in LETTERS])
    edited = {"args": {"word": "Strawberry", "letter": "r"}, "metadata": {"note": "capital S"}}
    client.edit_task(TASKSET, "strawberry-r", edited)
    tasks = [f"{word}-{letter}" for word, letter, *_ in LETTERS]
    first = _job(ids.baseline, "baseline", tasks, MODELS, TASKSET, group=5)
    second = _job(ids.candidate, "candidate: shorter prompt", tasks, MODELS, TASKSET, group=5)
    live = _job(ids.running, "overnight run", tasks, MODELS[:1], TASKSET, group=3)
    _record(client, first, _played(first, skill=0.55), 421.5)
    _record(client, second, _played(second, skill=0.75), 388.2)
    client.record_job(live, TASKSET)
    half = list(_played(live, skill=0.7))[:17]
    client.record_rollouts(live.id, half)


def seed_wide(client: Client, ids: Seeded) -> None:
    """A taskset with many columns and long names, and a job of it with many variants."""
    tasks = [_wide_task(number) for number in range(40)]
    client.save_tasks(MANY_COLUMNS, tasks)
    variants = [
        Variant(name=f"{name}@{size}", agent="openai_compatible", model=f"{name}-{size}")
        for name in ("qwen3-coder", "llama-4-maverick-instruct")
        for size in ("8b", "30b", "235b")
    ]
    slugs = [str(task["slug"]) for task in tasks]
    name = "nightly regression of everything the support desk has to be able to do, with six models"
    job = _job(ids.wide, name, slugs, variants, MANY_COLUMNS, group=2)
    columns = {str(task["slug"]): task["columns"] for task in tasks}
    _record(client, job, _played(job, skill=0.5, columns=columns), 5821.0)


def seed_thousand(client: Client, ids: Seeded) -> None:
    """A taskset of a thousand tasks, and a job of it."""
    slugs = [f"question-{number:04}" for number in range(1000)]
    client.save_tasks(THOUSAND, [_question(slug, n) for n, slug in enumerate(slugs)])
    job = _job(ids.thousand, "all thousand", slugs, MODELS[1:], THOUSAND)
    _record(client, job, _played(job, skill=0.6), 3605.0)


def seed_screens(client: Client, ids: Seeded) -> None:
    """A job whose one rollout has images, long output, subscores and an environment's log."""
    variant = Variant(name="operator", agent="operator", model="computer-use-preview")
    job = _job(ids.screens, "inbox by mouse", ["open-inbox"], [variant], "desktop")
    client.record_job(job)
    client.record_rollouts(job.id, [screens_transcript(job.id)])
    client.finish_job(job.id, "finished", 31.0)


def screens_transcript(job_id: str) -> Transcript:
    """A rollout of a computer use model: reasoning, clicks, images, long output, subscores."""
    evaluation = EvaluationResult(
        reward=0.65,
        content="The inbox is open, but the newest message was not read.",
        info={"unread": 3, "window": "Inbox"},
        subscores=[
            SubScore(name="inbox-open", weight=0.5, value=1.0),
            SubScore(name="message-read", weight=0.3, value=0.5),
            SubScore(name="nothing-deleted", weight=0.2, value=0.0),
        ],
    )
    record = RolloutRecord(
        id="open-inbox.operator.0",
        job_id=job_id,
        task="open-inbox",
        scenario="open_inbox",
        args={"user": "ada@example.com", "unread": 3},
        columns={"app": "mail", "difficulty": 2},
        variant="operator",
        index=0,
        status="scored",
        reward=0.65,
        answer="The inbox is open.",
        evaluation=evaluation,
        stop_reason="answered",
        started_at=BEGAN + timedelta(hours=2, minutes=30),
        seconds=28.4,
        timing={"start": 2.1, "setup": 1.4, "agent": 23.2, "grading": 1.7},
        model_calls=3,
        tool_calls=3,
        usage=Usage(input_tokens=18_412, output_tokens=623, cached_tokens=12_000),
    )
    log = "\n".join(f"2026-11-20 12:00:{n:02} INFO desktop: frame {n} drawn" for n in range(40))
    messages = [{"role": "user", "content": "Open the inbox."}]
    prompt = "Open the inbox of ada@example.com and read the newest message."
    return Transcript(
        rollout=record,
        prompt=prompt,
        steps=_screen_steps(prompt),
        messages=messages,
        info={"stop_reason": "answered"},
        log=log,
    )


def picture(label: str, size: tuple[int, int] = (640, 400)) -> str:
    """A PNG in base64, like a screen with one window."""
    image = Image.new("RGB", size, "#dfe6f3")
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((60, 50, size[0] - 60, size[1] - 50), 12, "#ffffff", "#b8c2d6", 2)
    draw.rounded_rectangle((60, 50, size[0] - 60, 84), 12, "#3b5bdb")
    draw.text((80, 60), label, "#ffffff")
    for row in range(6):
        draw.rectangle((84, 108 + row * 36, size[0] - 90 - row * 20, 122 + row * 36), "#eceff6")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _screen_steps(prompt: str) -> list[TraceStep]:
    listing = "\n".join(f"{number:3}  message-{number:04}.eml  unread" for number in range(60))
    step = TraceStep
    return [
        step(kind="environment", name="setup", started=2.1, seconds=1.4, request={"unread": 3},
             result=prompt),
        step(kind="model", name="computer-use-preview", started=3.6, seconds=6.8,
             request={"messages": 1, "tools": 3},
             result={"content": "", "reasoning": "The mail icon should be in the dock.",
                     "tool_calls": [{"id": "a", "name": "computer",
                                     "arguments": {"action": "click", "x": 312, "y": 220}}]},
             usage=Usage(input_tokens=5200, output_tokens=180)),
        step(kind="tool", name="computer", started=10.4, seconds=1.9,
             request={"action": "click", "x": 312, "y": 220}, result=_shown("Mail")),
        step(kind="model", name="computer-use-preview", started=12.4, seconds=5.1,
             result={"content": "Mail is open. I list the messages to find the newest.",
                     "tool_calls": [{"id": "b", "name": "bash",
                                     "arguments": {"command": "ls -1 /mail/inbox | cat -n"}}]},
             usage=Usage(input_tokens=6400, output_tokens=240, cached_tokens=5000)),
        step(kind="tool", name="bash", started=17.5, seconds=0.3,
             request={"command": "ls -1 /mail/inbox | cat -n"},
             result={"content": [{"type": "text", "text": listing}], "isError": False}),
        step(kind="tool", name="open_message", started=17.9, seconds=0.2,
             request={"path": "/mail/inbox/message-0060.eml"},
             result={"content": [{"type": "text", "text": "no such file"}], "isError": True},
             error="no such file"),
        step(kind="model", name="computer-use-preview", started=18.2, seconds=8.1,
             result={"content": "The inbox is open.", "tool_calls": []},
             usage=Usage(input_tokens=6812, output_tokens=203, cached_tokens=7000)),
        step(kind="environment", name="grade", started=26.6, seconds=1.7,
             request="The inbox is open.", result={"reward": 0.65}),
    ]  # fmt: skip


def _shown(label: str) -> dict[str, Any]:
    image = {"type": "image", "data": picture(label), "mimeType": "image/png"}
    return {"content": [{"type": "text", "text": "clicked"}, image], "isError": False}


def _record(client: Client, job: JobRecord, played: Iterator[Transcript], seconds: float) -> None:
    client.record_job(job, job.source)
    client.record_rollouts(job.id, list(played))
    status: JobStatus = "finished"
    client.finish_job(job.id, status, seconds)


def _job(
    identity: str,
    name: str,
    tasks: Sequence[str],
    variants: Sequence[Variant],
    source: str,
    group: int = 1,
) -> JobRecord:
    day, hour = identity.split("-")[:2]
    created = datetime.strptime(f"{day}{hour}+0000", "%Y%m%d%H%M%S%z")
    return JobRecord(
        id=identity,
        name=name,
        source=source,
        command=_command(source, variants, group),
        variants=list(variants),
        tasks=list(tasks),
        group=group,
        max_steps=10,
        isolation="fork",
        created_at=created,
    )


def _command(source: str, variants: Sequence[Variant], group: int) -> list[str]:
    """What starts a job of one variant; several are started from the page, by no command."""
    if len(variants) > 1:
        return []
    model = variants[0].model or ""
    return ["hud", "eval", source, variants[0].agent, "--model", model, "--group-size", str(group)]


def _played(
    job: JobRecord, skill: float, columns: dict[str, dict[str, Any]] | None = None
) -> Iterator[Transcript]:
    dice = random.Random(job.id)
    known = columns or {f"{word}-{letter}": _columns(k, d) for word, letter, k, d in LETTERS}
    for number, task in enumerate(job.tasks):
        ease = dice.random() * 0.5 - 0.25
        for place, variant in enumerate(job.variants):
            for index in range(job.group):
                record = _rollout(job, task, variant.name, index, known.get(task, {}))
                chance = skill + ease - place * 0.08
                ended = _ended(record, dice, chance, job.created_at + timedelta(seconds=number))
                yield _transcript(ended)


def _rollout(
    job: JobRecord, task: str, variant: str, index: int, columns: dict[str, Any]
) -> RolloutRecord:
    word, _, letter = task.rpartition("-")
    return RolloutRecord(
        id=f"{task}.{variant}.{index}",
        job_id=job.id,
        task=task,
        scenario="count",
        args={"word": word, "letter": letter},
        columns=columns,
        variant=variant,
        index=index,
        status="failed",
        started_at=job.created_at,
        seconds=0.0,
        model_calls=2,
        tool_calls=1,
    )


def _ended(
    record: RolloutRecord, dice: random.Random, chance: float, at: datetime
) -> RolloutRecord:
    seconds = round(4 + dice.random() * 14, 2)
    changes: dict[str, Any] = {
        "started_at": at,
        "seconds": seconds,
        "timing": {"start": 0.4, "setup": 0.2, "agent": seconds - 0.8, "grading": 0.2},
        "usage": Usage(input_tokens=dice.randint(900, 2600), output_tokens=dice.randint(60, 400)),
    }
    roll = dice.random()
    if roll < 0.06:
        boundary, error, hint = dice.choice(FAILURES)
        changes |= {"boundary": boundary, "error": error, "hint": hint}
    elif roll < 0.07:
        changes |= {"status": "cancelled"}
    else:
        reward = 1.0 if dice.random() < chance else dice.choice((0.0, 0.0, 0.0, 0.5))
        answer = f"There are {dice.randint(1, 5)}."
        changes |= {"status": "scored", "reward": reward, "answer": answer}
        changes |= {"evaluation": EvaluationResult(reward=reward), "stop_reason": "answered"}
    return record.model_copy(update=changes)


def _transcript(record: RolloutRecord) -> Transcript:
    args = record.args or {}
    prompt = f"How many '{args.get('letter')}' in '{args.get('word')}'?"
    call = {"text": args.get("word"), "letter": args.get("letter")}
    calls = [{"id": "call_1", "name": "count_letter", "arguments": call}]
    asked = {"content": "I count them with the tool.", "tool_calls": calls}
    counted = {"content": [{"type": "text", "text": "3"}], "isError": False}
    said, model, step = str(record.answer or ""), record.variant, TraceStep
    steps = [
        step(kind="environment", name="setup", started=0.4, seconds=0.2, request=args,
             result=prompt),
        step(kind="model", name=model, started=0.6, seconds=1.9, result=asked,
             usage=Usage(input_tokens=812, output_tokens=48)),
        step(kind="tool", name="count_letter", started=2.5, seconds=0.1, request=call,
             result=counted),
        step(kind="model", name=model, started=2.6, seconds=max(record.seconds - 3.0, 0.1),
             result={"content": said, "tool_calls": []}, error=record.error,
             usage=Usage(input_tokens=901, output_tokens=22)),
    ]  # fmt: skip
    if record.status == "scored":
        ended = record.seconds - 0.2
        graded = {"reward": record.reward}
        steps.append(step(kind="environment", name="grade", started=ended, seconds=0.2,
                          request=said, result=graded))  # fmt: skip
    detail = "Traceback (most recent call last):\n  File env.py, line 12" if record.error else None
    return Transcript(rollout=record, prompt=prompt, steps=steps, log="ready\n", detail=detail)


def _columns(kind: str, difficulty: int) -> dict[str, Any]:
    tags = ["letters", kind.partition("-")[0]]
    return {"category": kind, "difficulty": difficulty, "tags": tags}


def _letter_task(word: str, letter: str, kind: str, difficulty: int) -> dict[str, Any]:
    answer = str(word.count(letter))
    return {
        "slug": f"{word}-{letter}",
        "env": {"name": "letter-counter"},
        "scenario": "count",
        "args": {"word": word, "letter": letter},
        "columns": _columns(kind, difficulty),
        "validation": [
            {"name": "count_letter", "arguments": {"text": word, "letter": letter}},
            {"name": "submit", "arguments": {"answer": answer}},
        ],
    }


def _wide_task(number: int) -> dict[str, Any]:
    areas = ("billing", "shipping", "returns", "accounts", "fraud")
    slug = f"{LONG}-{2000 + number}" if number % 8 == 0 else f"ticket-{number:03}"
    return {
        "slug": slug,
        "env": {"name": "support-desk"},
        "scenario": "answer_ticket",
        "args": {"ticket": number, "language": ("en", "de", "ja")[number % 3]},
        "columns": {
            "area": areas[number % 5],
            "priority": number % 4,
            "channels": [["mail"], ["chat", "mail"], ["phone"]][number % 3],
            "language": ("English", "Deutsch", "Ελληνικά")[number % 3],
            "customer tier": ("free", "team", "enterprise")[number % 3],
            "expected minutes": round(1.5 + number * 0.7, 1),
            "source system": "zendesk" if number % 2 else "mailbox",
            "author": ("ada", "grace", "barbara")[number % 3],
            "reviewed": ("yes", "no")[number % 2],
            "created in": 2020 + number % 6,
            "policy": f"policy {number % 7}, section {number % 3} of the handbook for agents",
            "regions": [["eu"], ["eu", "us"], ["apac"]][number % 3],
        },
    }


def _question(slug: str, number: int) -> dict[str, Any]:
    return {
        "slug": slug,
        "env": {"name": "browser"},
        "scenario": "answer",
        "args": {"question": f"What is the {number}th entry of the index?"},
        "columns": {
            "topic": ("science", "history", "sport", "music")[number % 4],
            "hops": number % 5,
        },
    }

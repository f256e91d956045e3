"""What a job's rollouts add up to, and the table that says so. Pure; failed rollouts are in neither
mean nor pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.etree import ElementTree

from hud.wire import RolloutRecord

MAX_REWARDS = 12
"""Rewards of one task that the table shows; the rest is counted."""
MAX_FAILURES = 20
"""Failures that are listed one by one; the rest is counted."""
MAX_LENGTH = 500
"""Characters of a cause that the table shows."""
TOLERANCE = 1e-9


@dataclass
class TaskSummary:
    """The rewards of one task, by run."""

    task: str
    scored: dict[int, float] = field(default_factory=dict)
    """Rewards by run, in the order in which the runs ended."""
    failed: int = 0

    @property
    def rewards(self) -> list[float]:
        """The rewards in the order of the runs."""
        return [self.scored[index] for index in sorted(self.scored)]

    @property
    def mean(self) -> float | None:
        """Mean reward of the scored runs; None if there are none."""
        return sum(self.scored.values()) / len(self.scored) if self.scored else None


@dataclass(frozen=True)
class Failure:
    """One failed rollout, as it is listed."""

    task: str
    index: int
    boundary: str
    error: str
    hint: str | None


@dataclass
class Summary:
    """Sums up rollouts one by one; its size does not grow with their transcripts."""

    threshold: float = 1.0
    """A run passes if its reward is at least this."""
    tasks: dict[str, TaskSummary] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    causes: dict[str, int] = field(default_factory=dict)
    """Failed runs by boundary."""
    outside: set[str] = field(default_factory=set)
    """Scenarios that gave a reward outside [0, 1]."""
    limited: int = 0
    """Scored runs in which the agent used up its steps."""
    ended: int = 0
    """Runs that were scored or failed."""
    cancelled: int = 0
    """Runs that were ended before they were graded."""

    @classmethod
    def of(
        cls, tasks: Iterable[str], records: Iterable[RolloutRecord], threshold: float = 1.0
    ) -> Summary:
        """The summary of these records, with a row for each of `tasks` in their order."""
        summary = cls(threshold, {task: TaskSummary(task) for task in tasks})
        for record in records:
            summary.add(record)
        return summary

    def add(self, record: RolloutRecord) -> None:
        """Count one rollout in."""
        row = self.tasks.setdefault(record.task, TaskSummary(record.task))
        if record.status == "scored" and record.reward is not None:
            row.scored[record.index] = record.reward
            self.ended += 1
            self.limited += record.stop_reason == "max_steps"
            if not 0.0 <= record.reward <= 1.0:
                self.outside.add(record.scenario or record.task)
        elif record.status == "failed":
            row.failed += 1
            self.ended += 1
            boundary = record.boundary or "environment"
            self.causes[boundary] = self.causes.get(boundary, 0) + 1
            if len(self.failures) < MAX_FAILURES:
                reason = record.error or "no reason given"
                self.failures.append(
                    Failure(record.task, record.index, boundary, reason, record.hint)
                )
        else:
            self.cancelled += 1

    @property
    def rewards(self) -> list[float]:
        """The rewards of all scored runs."""
        return [reward for row in self.tasks.values() for reward in row.scored.values()]

    @property
    def mean(self) -> float | None:
        """Mean reward over all scored runs; None if there are none."""
        rewards = self.rewards
        return sum(rewards) / len(rewards) if rewards else None

    @property
    def passed(self) -> int:
        """Scored runs whose reward reaches the threshold."""
        return sum(reward >= self.threshold - TOLERANCE for reward in self.rewards)

    @property
    def failed(self) -> int:
        """Failed runs."""
        return sum(self.causes.values())


def render(summary: Summary) -> str:
    """The reward table, and below it the failures with their causes."""
    rows = list(summary.tasks.values())
    shown = [_rewards(row.rewards) for row in rows]
    task_width = max(21, *(len(row.task) + 2 for row in rows)) if rows else 21
    reward_width = max(19, *(len(text) + 3 for text in shown)) if rows else 19
    rule = "  " + "─" * (task_width + 4 + 3 + reward_width + 7)
    lines = [f"  {'Task':<{task_width}}Runs   {'Rewards':<{reward_width}}Mean", rule]
    for row, text in zip(rows, shown, strict=True):
        counted = f"{row.task:<{task_width}}{len(row.scored):>4}"
        lines.append(f"  {counted}   {text:<{reward_width}}{_number(row.mean)}")
    lines += [rule, f"  {_total(summary, rows)}", *_failures(summary)]
    if summary.cancelled:
        lines += ["", f"  Cancelled: {summary.cancelled}, not in mean and pass"]
    return "\n".join(lines)


def _rewards(rewards: list[float]) -> str:
    text = "  ".join(_reward(reward) for reward in rewards[:MAX_REWARDS])
    more = len(rewards) - MAX_REWARDS
    return f"{text}  +{more} more" if more > 0 else text or "–"


def _reward(value: float) -> str:
    return f"{value:.1f}" if abs(value * 10 - round(value * 10)) < TOLERANCE else f"{value:.2f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _total(summary: Summary, rows: list[TaskSummary]) -> str:
    scored = len(summary.rewards)
    percent = f" ({100 * summary.passed / scored:.0f}%)" if scored else ""
    passed = f"Pass: {summary.passed}/{scored}{percent}"
    return f"Total: {_extent(rows)} | Mean: {_number(summary.mean)} | {passed}"


def _extent(rows: list[TaskSummary]) -> str:
    counts = {len(row.scored) + row.failed for row in rows}
    tasks = f"{len(rows)} task{'' if len(rows) == 1 else 's'}"
    if len(counts) == 1:
        runs = counts.pop()
        return f"{tasks} × {runs} run{'' if runs == 1 else 's'}"
    return f"{tasks}, {sum(len(row.scored) + row.failed for row in rows)} runs"


def _failures(summary: Summary) -> list[str]:
    if not summary.failed:
        return []
    causes = ", ".join(f"{count} {boundary}" for boundary, count in sorted(summary.causes.items()))
    lines = ["", f"  Failed: {summary.failed} ({causes}), not in mean and pass"]
    order = {task: position for position, task in enumerate(summary.tasks)}
    listed = sorted(summary.failures, key=lambda item: (order[item.task], item.index))
    lines += [
        f"    {item.task} #{item.index + 1}  {item.boundary}: {_line(item.error)}"
        for item in listed
    ]
    if summary.failed > len(summary.failures):
        lines.append(f"    … and {summary.failed - len(summary.failures)} more")
    hints = dict.fromkeys(item.hint for item in listed if item.hint)
    return lines + [f"    hint: {_line(hint)}" for hint in list(hints)[:3]]


def _line(text: str) -> str:
    """Foreign text as one line of bounded length, which cannot pass for a row of the table."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_LENGTH else f"{line[:MAX_LENGTH]}…"


def junit(name: str, records: Iterable[RolloutRecord], threshold: float = 1.0) -> str:
    """The job as JUnit XML: a test case a rollout, a failure below the threshold, an error for a
    failed rollout.
    """
    suite = ElementTree.Element("testsuite", name=name)
    counts = {"tests": 0, "failures": 0, "errors": 0}
    for record in records:
        case = ElementTree.SubElement(
            suite, "testcase", classname=record.task, name=record.id, time=f"{record.seconds:.3f}"
        )
        counts["tests"] += 1
        if record.status != "scored" or record.reward is None:
            counts["errors"] += 1
            message = _printable(record.error or record.status)
            ElementTree.SubElement(
                case, "error", type=record.boundary or record.status, message=message
            )
        elif record.reward < threshold - TOLERANCE:
            counts["failures"] += 1
            message = f"reward {record.reward:g} is below {threshold:g}"
            ElementTree.SubElement(case, "failure", type="reward", message=message)
    suite.attrib.update({key: str(value) for key, value in counts.items()})
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _printable(text: str) -> str:
    """Text without the control characters that XML forbids."""
    return "".join(char if char.isprintable() or char in "\t\n" else "�" for char in text)

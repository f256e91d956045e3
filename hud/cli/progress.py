"""Live progress of an evaluation: a bar on a terminal, a line a rollout elsewhere. On standard
error.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from hud.cli import console
from hud.eval.job import Finished, Started
from hud.wire import RolloutRecord

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress:
    """Shows the events of a job as they come."""

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._bar: Bar | None = None
        self._scored = 0
        self._total_reward = 0.0
        self._failed = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, event: Started | Finished) -> None:
        """Show one event."""
        if isinstance(event, Started):
            self._start(event)
        else:
            self._finish(event)

    def _start(self, event: Started) -> None:
        if event.hazard:
            console.warn(f"every rollout gets a fresh interpreter, since {event.hazard}")
        if self._quiet:
            return
        job = event.job
        tasks = f"{len(job.tasks)} task{'' if len(job.tasks) == 1 else 's'}"
        console.note(f"{job.name}: {tasks} × {job.group} with {job.variants[0].name}")
        if console.is_terminal(sys.stderr):
            self._bar = _bar()
            self._bar.add_task("", total=event.total)
            self._bar.start()

    def _finish(self, event: Finished) -> None:
        record = event.record
        if record.status == "scored":
            self._scored += 1
            self._total_reward += record.reward or 0.0
        elif record.status == "failed":
            self._failed += 1
        if self._bar is not None:
            mean = f"mean {self._total_reward / self._scored:.2f}" if self._scored else ""
            failed = f"{self._failed} failed" if self._failed else ""
            self._bar.update(
                self._bar.task_ids[0], completed=event.done, description=f"{mean}  {failed}".strip()
            )
        if self._verbose or (self._bar is None and not self._quiet):
            self._line(event)

    def _line(self, event: Finished) -> None:
        record = event.record
        sign, ending = _ending(record)
        work = (
            f"{record.model_calls} model and {record.tool_calls} tool calls, "
            if self._verbose
            else ""
        )
        run = f"[{event.done}/{event.total}] {record.task} #{record.index + 1}"
        line = f"{sign} {run}  {ending}  ({work}{record.seconds:.2f} s)"
        if self._bar is not None:
            self._bar.console.print(console.clean(line), markup=False, highlight=False)
        else:
            console.note(line)


def _ending(record: RolloutRecord) -> tuple[str, str]:
    """How a rollout ended: a sign, and what it came to."""
    if record.status == "scored":
        return "✓", f"{record.reward:g}"
    if record.status == "cancelled":
        return "✗", "cancelled"
    return "✗", f"{record.boundary}: {record.error}"


def _bar() -> Bar:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as RichProgress  # noqa: PLC0415

    return RichProgress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )

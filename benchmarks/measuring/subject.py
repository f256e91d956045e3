"""What plays rollouts on demand: a program of `subjects/`, in a process of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from measuring.processes import processor_seconds

MILLISECONDS = 1000.0


@dataclass(frozen=True)
class Command:
    """What starts a subject."""

    argv: Sequence[str]
    env: Mapping[str, str]
    concurrency: int
    """Rollouts that it plays at a time."""


@dataclass
class Subject:
    """A subject that is ready, and what was measured of it so far."""

    process: subprocess.Popen[str]
    concurrency: int
    log: Path
    times: list[float] = field(default_factory=list)
    """Milliseconds a rollout, one figure a batch."""
    _cpu: list[float] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """Milliseconds of processor time a rollout, of the process and all that it started."""
        return statistics.fmean(self._cpu)

    def warm_up(self, count: int) -> None:
        """Play a batch that does not count."""
        self._ask(count)

    def play(self, count: int) -> None:
        """Play a batch of rollouts, and keep what it took."""
        before = processor_seconds(self.process.pid)
        seconds = self._ask(count)
        used = processor_seconds(self.process.pid) - before
        self.times.append(seconds / count * MILLISECONDS)
        self._cpu.append(used / count * MILLISECONDS)

    def _ask(self, count: int) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{count} {self.concurrency}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            status = self.process.wait()
            raise SystemExit(f"{self.process.args} ended with {status}:\n{self.log.read_text()}")
        seconds: float = json.loads(answer)
        return seconds


def take_turns(
    commands: Mapping[str, Command], folder: Path, *, repeats: int, batch: int
) -> dict[str, Subject]:
    """Play batches of rollouts with each subject by turns.

    A first batch, which connects and fills caches, does not count.
    """
    with ExitStack() as running:
        subjects = {
            name: running.enter_context(_started(command, folder / f"subject-{number}.txt"))
            for number, (name, command) in enumerate(commands.items())
        }
        for subject in subjects.values():
            subject.warm_up(min(batch, 2 * subject.concurrency))
        for _ in range(repeats):
            for subject in subjects.values():
                subject.play(batch)
    return subjects


@contextmanager
def _started(command: Command, log: Path) -> Iterator[Subject]:
    with (
        log.open("w") as output,
        subprocess.Popen(
            command.argv,
            cwd=log.parent,
            env=command.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        ) as process,
    ):
        yield Subject(process, command.concurrency, log)

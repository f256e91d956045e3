"""The builder's words, pure: its progress, and what a failure means."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from hud.containers.contract import BuildEvent, BuildKind
from hud.containers.output import printable
from hud.errors import Boundary, DockerFailure

_EVIDENCE = 40
"""Lines of output that are kept of each step."""

_LINE = re.compile(r"#(\d+) (.*)")
_STEP = re.compile(r"\[(?:[^\]]* )?\d+/\d+\] .+")
_TIMED = re.compile(r"\d+\.\d+ (.*)")
_EXIT_CODE = re.compile(r"did not complete successfully: (exit code: \d+)")


class BuildFailure(DockerFailure):
    """An image could not be built; `detail` holds the last lines of the step that failed."""

    boundary: Boundary = "build"


@dataclass
class BuildLog:
    """Reads the progress of one build, and remembers of each step what a failure would need."""

    events: Callable[[BuildEvent], None]
    names: dict[int, str] = field(default_factory=dict)
    tails: dict[int, deque[str]] = field(default_factory=dict)
    failed: int | None = None
    complaint: str = ""

    def read(self, line: str) -> None:
        """Take in one line of `--progress=plain`."""
        text = printable(line).rstrip()
        match = _LINE.fullmatch(text)
        if match is not None:
            self._read_step(int(match[1]), match[2])
        elif text.startswith("ERROR: "):
            self.complaint = text.removeprefix("ERROR: ")
        elif text:
            self._keep(0, text)

    def _read_step(self, step: int, text: str) -> None:
        if step not in self.names:
            self.names[step] = text
            self._emit(step, "started", text)
        elif text == "CACHED":
            self._emit(step, "cached")
        elif text.startswith("DONE "):
            self._emit(step, "done", text.removeprefix("DONE "))
        elif text.startswith("ERROR: "):
            self.failed = step
            self.complaint = text.removeprefix("ERROR: ")
            self._emit(step, "failed", self.complaint)
        elif (timed := _TIMED.fullmatch(text)) is not None:
            self._keep(step, timed[1])
        elif _STEP.fullmatch(text):
            self.names[step] = text

    def _keep(self, step: int, text: str) -> None:
        self.tails.setdefault(step, deque(maxlen=_EVIDENCE)).append(text)
        self._emit(step, "line", text)

    def _emit(self, step: int, kind: BuildKind, text: str = "") -> None:
        self.events(BuildEvent(step, self.names.get(step, ""), kind, text))

    def overdue(self, tag: str, seconds: float) -> BuildFailure:
        """The build that was ended by its time limit, with the step that was at work."""
        step = max(self.tails.keys() | self.names.keys(), default=0)
        return BuildFailure(
            f"the build of `{tag}` took longer than {seconds:g} seconds"
            f" at step `{self.names.get(step, '?')[:200]}`",
            hint="give it more time, or do less in that step",
            detail="\n".join(self.tails.get(step, ())) or None,
        )

    def failure(self, tag: str, exit_code: int) -> BuildFailure:
        """What went wrong: the step, its last lines, and what to do about it."""
        evidence = "\n".join(self.tails.get(self.failed or 0, ()))
        reason = self.complaint or f"the builder ended with exit code {exit_code}"
        found = _EXIT_CODE.search(reason)
        short = found[1] if found else reason.removeprefix("failed to solve: ")
        where = f" at step `{self.names[self.failed][:200]}`" if self.failed is not None else ""
        return BuildFailure(
            f"the build of `{tag}` failed{where}: {short[:500]}",
            hint=remedy(f"{self.complaint}\n{evidence}"),
            detail=evidence or None,
        )


_REMEDIES = [
    (r"is not a docker command|unknown (?:flag|command)", "install Docker's buildx plugin"),
    (
        r"docker/dockerfile:\S+ failed",
        "leave out the line `# syntax=` of the Dockerfile: the engine knows the syntax by itself",
    ),
    (
        r"failed to (?:resolve|authorize|fetch)|pull access denied|manifest unknown|no such host",
        "check the name after FROM, or fetch the image first with `docker pull`",
    ),
    (
        r"Temporary failure (?:in name resolution|resolving)|Could not resolve host"
        r"|Network is unreachable|Connection timed out",
        "this step found no network: check the connection and build again",
    ),
    (r"No matching distribution found for (\S+)", "correct `{0}`: no version of it fits"),
    (
        r"Unable to locate package (\S+)",
        "run `apt-get update` in the same RUN as the install of `{0}`, and check its name",
    ),
    (
        r"has no installation candidate|Package '(\S+)' has no",
        "run `apt-get update` in the same RUN as the install",
    ),
    (r'"(/[^"]*)": not found', "`{0}` is not in the folder, or is ignored by .dockerignore"),
    (r"unknown instruction: (\S+)", "correct the instruction `{0}` in the Dockerfile"),
    (r"dockerfile parse error", "correct the line of the Dockerfile that the message names"),
    (r"No space left on device", "free space: `docker builder prune` removes unused build cache"),
    (
        r"secret (\S+?):? not found|/run/secrets/([\w.-]+)\W{1,3}No such file",
        "pass the secret: `hud build --secret id={0},env=VARIABLE`",
    ),
    (
        r"unknown operating system or architecture|invalid platform",
        "a platform is named like linux/amd64 or linux/arm64",
    ),
    (
        r"exec format error|no match for platform",
        "the engine runs no such platform: build for its own, or install emulation (QEMU) for it",
    ),
    (r"exit code: 137", "the step was killed, mostly for lack of memory: give the engine more"),
    (r"(\S+): (?:command )?not found", "install `{0}` in an earlier step of the Dockerfile"),
    (
        r"ModuleNotFoundError: No module named '([^']+)'",
        "install `{0}` in an earlier step of the Dockerfile",
    ),
    (
        r"Permission denied",
        "the step runs as a user who may not: check USER and the modes of copied files",
    ),
]


def remedy(evidence: str) -> str:
    """What to do about a failed build, from what it said."""
    for pattern, advice in _REMEDIES:
        if match := re.search(pattern, evidence):
            return advice.format(*(group for group in match.groups() if group))
    return "correct that step of the Dockerfile and build again"

"""The ordered phases of an examination: each is checked, and the first that fails is diagnosed and
ends it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Any, Literal

from mcp.shared.exceptions import MCPError

from hud.debug.evidence import Evidence
from hud.debug.examination import Examination, Options
from hud.debug.phases import Phase, phases_of
from hud.debug.phases.discovery import count
from hud.debug.remedies import Remedy, diagnose
from hud.debug.session import innermost, reason
from hud.debug.targets.target import CheckFailure, Target
from hud.errors import DockerFailure, HudError, UserError

Status = Literal["running", "passed", "failed", "skipped"]
EVIDENCE_SECONDS = 20.0


@dataclass(frozen=True)
class PhaseEvent:
    """A phase began, or came to its end."""

    phase: Phase
    status: Status
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    """What was found, for the reader."""
    warnings: tuple[str, ...] = ()
    """What works, but not everywhere or not well."""
    remedy: Remedy | None = None
    """The diagnosis, if it failed."""
    evidence: Evidence | None = None
    """What the diagnosis rests on."""

    @property
    def title(self) -> str:
        return self.phase.failed if self.status == "failed" else self.phase.title

    def as_json(self) -> dict[str, Any]:
        """The event as plain data."""
        data: dict[str, Any] = {
            "number": self.phase.number,
            "title": self.title,
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }
        if self.remedy is not None:
            data |= {"kind": self.remedy.kind, "error": self.remedy.error, "fix": self.remedy.fix}
        if self.evidence is not None:
            data["evidence"] = self.evidence.as_json()
        return data


async def debug(
    target: Target, *, max_phase: int = 7, options: Options | None = None
) -> AsyncGenerator[PhaseEvent, None]:
    """Examine a target phase by phase; each phase gives an event when it begins and one when it
    ends.

    The phases after one that failed are skipped. Close the iterator to end the examination early:
    it then ends every server that it started.
    """
    examination = Examination(target, options or Options())
    failed = False
    try:
        for phase in phases_of(examination)[:max_phase]:
            if failed:
                yield PhaseEvent(phase, "skipped")
                continue
            yield PhaseEvent(phase, "running")
            event = await _run(phase, examination)
            failed = event.status == "failed"
            yield event
    finally:
        await examination.close()


async def _run(phase: Phase, examination: Examination) -> PhaseEvent:
    started = time.monotonic()
    heard = _noise_count(examination)
    try:
        async with asyncio.timeout(phase.seconds):
            passed = await phase.check(examination)
    except (DockerFailure, UserError):
        raise
    except (HudError, MCPError, OSError, RuntimeError, ValueError) as exc:
        seconds = time.monotonic() - started
        evidence = await _evidence(phase, examination, exc)
        return PhaseEvent(phase, "failed", seconds, remedy=diagnose(evidence), evidence=evidence)
    warnings = (*passed.warnings, *_noise_since(heard, examination))
    return PhaseEvent(phase, "passed", time.monotonic() - started, passed.notes, warnings)


async def _evidence(phase: Phase, examination: Examination, exc: Exception) -> Evidence:
    """What is known of the servers, and what the check said."""
    cause = innermost(exc)
    if isinstance(cause, TimeoutError):
        cause = CheckFailure(f"no answer within {phase.seconds:g} s", kind=phase.silence)
    async with asyncio.timeout(EVIDENCE_SECONDS):
        found = await examination.evidence()
    return replace(
        found,
        error=reason(cause),
        kind=cause.kind if isinstance(cause, CheckFailure) else None,
        detail=(cause.detail if isinstance(cause, HudError) else None) or "",
        timed_out=isinstance(innermost(exc), TimeoutError),
    )


def _noise_count(examination: Examination) -> int:
    return examination.server.noise.count if examination.server is not None else 0


def _noise_since(heard: int, examination: Examination) -> tuple[str, ...]:
    """A warning about what was printed on stdout meanwhile."""
    number = _noise_count(examination) - heard
    if number <= 0 or examination.server is None:
        return ()
    last = examination.server.noise.lines[-1][:80]
    return (f"{count(number, 'line')} on stdout, which belongs to the protocol: {last!r}",)

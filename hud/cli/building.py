"""Progress of an image's build: steps that come and go on a terminal, plain lines elsewhere. On
standard error.
"""

from __future__ import annotations

import re
import sys
from types import TracebackType
from typing import TYPE_CHECKING

from hud.cli import console
from hud.containers import BuildEvent

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

STEP = re.compile(r"\[(?:[^\]]* )?\d+/\d+\] ")
"""Steps of the Dockerfile; all others are the builder's own."""
OPTIONS = re.compile(r"--(?:mount|from|chown|chmod|link)(?:=\S+)? ")
WIDTH = 100
"""Characters of a step that are shown."""


class BuildProgress:
    """Shows the events of a build as they come."""

    def __init__(self) -> None:
        self._live: Live | None = None
        self._running: dict[int, str] = {}
        self._last_line = ""

    def __enter__(self) -> BuildProgress:
        if console.is_terminal(sys.stderr):
            self._live = _live()
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.update("")
            self._live.stop()

    def show(self, event: BuildEvent) -> None:
        """Show one event."""
        for line in self._lines(event):
            if self._live is None:
                console.note(line)
            elif not line.startswith(("→", " ")):
                self._live.console.print(line, markup=False, highlight=False)
        if self._live is not None:
            self._live.update(self._now())

    def _lines(self, event: BuildEvent) -> list[str]:
        """What of an event is kept in sight."""
        name = _short(console.clean(event.name))
        if event.kind == "line":
            self._last_line = console.clean(event.text)
            return [f"  | {self._last_line}"]
        if event.kind == "started":
            self._running[event.step] = name
            self._last_line = ""
            return [f"→ {name}"] if STEP.match(name) else []
        self._running.pop(event.step, None)
        if event.kind == "failed":
            return [f"✗ {name}"]
        ending = "cached" if event.kind == "cached" else event.text
        return [f"✓ {name} ({ending})"] if STEP.match(name) else []

    def _now(self) -> Text:
        from rich.text import Text  # noqa: PLC0415 - only a terminal needs it

        lines = [f"→ {name}" for name in self._running.values()]
        if self._last_line:
            lines.append(f"  {self._last_line}")
        return Text("\n".join(lines), style="dim", overflow="ellipsis", no_wrap=True)


def tell_step(event: BuildEvent) -> None:
    """Show an event of a build that is not the matter itself: only the steps that take time."""
    if event.kind in ("done", "failed") and STEP.match(event.name):
        sign = "✓" if event.kind == "done" else "✗"
        console.note(f"{sign} {_short(console.clean(event.name))}")


def _short(step: str) -> str:
    text = OPTIONS.sub("", step)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def _live() -> Live:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.live import Live  # noqa: PLC0415 - as above

    return Live(console=Console(stderr=True), transient=True, refresh_per_second=8)

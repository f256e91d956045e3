"""Times, sizes and counts, as people say them."""

from __future__ import annotations

from datetime import UTC, datetime


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago that was: `just now`, `5 min ago`, `3 h ago`, `2 days ago`, or the day."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 45:
        return "just now"
    if seconds < 3600:
        return f"{max(1, round(seconds / 60))} min ago"
    if seconds < 86_400:
        return f"{round(seconds / 3600)} h ago"
    days = round(seconds / 86_400)
    return f"{counted(days, 'day')} ago" if days < 30 else f"{moment:%Y-%m-%d}"


def lasting(seconds: float | None) -> str:
    """A duration: `12 ms`, `1.4 s`, `3 min 20 s`, `2 h 5 min`; a dash where there is none."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def sized(count: int) -> str:
    """A number of bytes: `512 B`, `192 KiB`, `3.4 GiB`."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 job`, `2 jobs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

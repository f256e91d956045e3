"""What a set of tasks has beyond its tasks: columns, what a sync changes, its CSV. Pure."""

from __future__ import annotations

from hud.tasksets.columns import infer_columns, merge_columns
from hud.tasksets.plan import check_tasks, keeping, plan, signature
from hud.tasksets.table import NO_ROOM, from_csv, to_csv

__all__ = [
    "NO_ROOM",
    "check_tasks",
    "from_csv",
    "infer_columns",
    "keeping",
    "merge_columns",
    "plan",
    "signature",
    "to_csv",
]

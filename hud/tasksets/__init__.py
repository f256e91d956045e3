"""What a set of tasks has beyond its tasks: columns, what a sync changes, its CSV. Pure."""

from __future__ import annotations

from hud.tasksets.columns import infer_columns, merge_columns
from hud.tasksets.plan import check_tasks, plan, signature
from hud.tasksets.table import from_csv, to_csv

__all__ = [
    "check_tasks",
    "from_csv",
    "infer_columns",
    "merge_columns",
    "plan",
    "signature",
    "to_csv",
]

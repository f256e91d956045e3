"""What is stored, sent and shown. Pure data.

Records of evaluations are here; `hud.wire.tasksets` and `hud.wire.platform` hold what only the
controller and its clients speak of.
"""

from __future__ import annotations

from hud.wire.evaluation import (
    CancelledJobs,
    Change,
    ComparedTask,
    Comparison,
    FailureGroup,
    Interval,
    JobEnding,
    JobRecord,
    JobRequest,
    JobResults,
    JobStatus,
    JobTask,
    JobTotals,
    JobView,
    PairedDifference,
    RolloutRecord,
    RolloutStatus,
    TaskChoice,
    TaskOrder,
    TaskResult,
    Transcript,
    Variant,
    VariantResult,
)

__all__ = [
    "CancelledJobs",
    "Change",
    "ComparedTask",
    "Comparison",
    "FailureGroup",
    "Interval",
    "JobEnding",
    "JobRecord",
    "JobRequest",
    "JobResults",
    "JobStatus",
    "JobTask",
    "JobTotals",
    "JobView",
    "PairedDifference",
    "RolloutRecord",
    "RolloutStatus",
    "TaskChoice",
    "TaskOrder",
    "TaskResult",
    "Transcript",
    "Variant",
    "VariantResult",
]

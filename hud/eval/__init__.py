"""Evaluation. The module itself is callable, as published code writes it: `async with
hud.eval(task) as ctx`.
"""

import sys
from types import ModuleType
from typing import Any

from hud.eval.context import EvalContext
from hud.eval.manager import eval, evaluate, run_eval
from hud.eval.utils import build_env_from_v4, is_v4_format, validate_v4_task
from hud.task import Task

__all__ = [
    "EvalContext",
    "Task",
    "build_env_from_v4",
    "eval",
    "evaluate",
    "is_v4_format",
    "run_eval",
    "validate_v4_task",
]


class _Callable(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Any:
        return eval(*args, **options)


sys.modules[__name__].__class__ = _Callable

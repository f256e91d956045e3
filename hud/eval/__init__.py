"""Evaluation. The module itself is callable, as published code writes it: `async with
hud.eval(task) as ctx`.
"""

import sys
from types import ModuleType
from typing import Any

from hud.eval.manager import eval, evaluate

__all__ = ["eval", "evaluate"]


class _Callable(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Any:
        return eval(*args, **options)


sys.modules[__name__].__class__ = _Callable

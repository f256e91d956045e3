"""The path under which published code imports `instrument` and `trace`; `hud.eval.tracing` owns
them.
"""

from hud.eval.tracing import flush, instrument, trace

__all__ = ["flush", "instrument", "trace"]

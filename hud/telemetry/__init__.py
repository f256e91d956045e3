"""The path under which published code imports `instrument` and `trace`; `hud.eval.tracing` owns
them.
"""

from hud.eval.tracing import flush, trace
from hud.telemetry.instrument import instrument

__all__ = ["flush", "instrument", "trace"]

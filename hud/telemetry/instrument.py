"""The path under which published code imports `instrument`; `hud.eval.tracing` owns it."""

from hud.eval.tracing import instrument

__all__ = ["instrument"]

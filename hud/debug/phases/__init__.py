"""The phases, in their order."""

from hud.debug.phases.order import phases_of
from hud.debug.phases.phase import Phase

__all__ = ["Phase", "phases_of"]

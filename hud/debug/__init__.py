"""Finding out what is wrong with an environment, phase by phase, and listing what one offers."""

from hud.debug.analysis import Analysis, analyze, as_markdown
from hud.debug.engine import PhaseEvent, debug
from hud.debug.evidence import Evidence, Kind
from hud.debug.examination import Options
from hud.debug.remedies import Remedy, diagnose
from hud.debug.targets.choose import Request, open_target

__all__ = [
    "Analysis",
    "Evidence",
    "Kind",
    "Options",
    "PhaseEvent",
    "Remedy",
    "Request",
    "analyze",
    "as_markdown",
    "debug",
    "diagnose",
    "open_target",
]

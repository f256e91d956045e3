"""Which phases there are, in which order, and how long each may take."""

from __future__ import annotations

from hud.debug.evidence import Kind
from hud.debug.examination import Examination
from hud.debug.phases.discovery import discover
from hud.debug.phases.isolation import compare_sessions
from hud.debug.phases.phase import Phase
from hud.debug.phases.scenarios import play_scenarios
from hud.debug.phases.shutdown import shut_down
from hud.debug.phases.startup import find_target, initialize
from hud.debug.phases.tools import call_tools


def phases_of(examination: Examination) -> list[Phase]:
    """The phases of an examination."""
    target, options = examination.target, examination.options
    handshake = "MCP server responds to initialize"
    silent = "MCP server does not respond to initialize"
    return [
        Phase(1, target.found, target.not_found, 90.0, find_target),
        Phase(2, handshake, silent, options.start_seconds, initialize, Kind.NO_ANSWER),
        Phase(3, "Tool discovery", "Tool discovery failed", 30.0, discover),
        Phase(4, "Tool execution", "Tool execution failed", 120.0, call_tools),
        Phase(
            5,
            "Scenario setup and grading",
            "Scenario setup and grading failed",
            300.0,
            play_scenarios,
        ),
        Phase(6, "Isolation", "Isolation failed", 300.0 + options.start_seconds, compare_sessions),
        Phase(7, "Clean shutdown", "Clean shutdown failed", 60.0, shut_down),
    ]

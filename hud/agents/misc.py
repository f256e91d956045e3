"""The original's agent that decides by a hosted model whether another one is done."""

from hud.errors import left_out

raise left_out("hud.agents.misc", "an agent is done when its model calls no tool; see max_steps")

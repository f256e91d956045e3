"""The original's agent that asks a second model where things are."""

from hud.errors import left_out

raise left_out("hud.agents.grounded_openai", 'create_agent("operator") uses computers by itself')

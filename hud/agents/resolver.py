"""The original's lookup of agents at the hosted service."""

from hud.errors import left_out

raise left_out(
    "hud.agents.resolver",
    "use `create_agent(name)` of `hud.agents`, which knows agents and models",
)

"""The original's patches of HTTP clients."""

from hud.errors import left_out

raise left_out("hud.eval.instrument", "rollouts record what happens by themselves")

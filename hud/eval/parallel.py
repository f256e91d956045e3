"""The original's running of one block many times."""

from hud.errors import left_out

raise left_out(
    "hud.eval.parallel",
    "use `async with hud.eval(tasks, variants=…, group=…)`, or `hud.eval.evaluate`",
)

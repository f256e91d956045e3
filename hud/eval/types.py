"""The original's messages to the hosted service."""

from hud.errors import left_out

raise left_out(
    "hud.eval.types",
    "after the block a context of many runs has `results` and `reward`, and raises nothing",
)

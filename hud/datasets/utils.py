"""The original's requests to the hosted service."""

from hud.errors import left_out

raise left_out(
    "hud.datasets.utils",
    "run_dataset(tasks, agent) runs them here; `hud eval --remote` at the controller",
)

"""The zygote's program: `python -P start.py FD`. Importing is faster without the collector."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys

if __name__ == "__main__":
    gc.disable()
    if importlib.util.find_spec("hud") is None:
        sys.path.append(__file__.rsplit("/hud/", 1)[0])
    importlib.import_module("hud.dev.forking.zygote").main()

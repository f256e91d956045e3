"""A module that starts a thread and a process on import, so that forking it is not safe."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator
from typing import Any

from hud import Environment

env = Environment("threaded")
counter = 0
threading.Thread(target=time.sleep, args=(600,), name="poller", daemon=True).start()
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


@env.scenario("count")
async def count() -> AsyncGenerator[Any, Any]:
    """Counts in a module-level variable: alone it scores 1."""
    global counter
    counter += 1
    sys.stdout.write(f"left: {helper.pid}\n")
    yield "Say something."
    yield 1.0 / counter


tasks = [count.task().copy(slug=f"count-{number}") for number in range(2)]

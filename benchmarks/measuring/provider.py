"""A model provider that answers at once, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from measuring.processes import ROOT


@contextmanager
def provider() -> Iterator[str]:
    """The base URL of a provider that runs as long as the block."""
    command = [sys.executable, "-m", "tests.fake_provider", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield f"{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()

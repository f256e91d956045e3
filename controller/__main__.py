"""`python -m controller`: runs the controller."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the controller; returns the exit status."""
    # Nothing of what modules make while they load is garbage; looking for it takes a fifth of the
    # start.
    gc.disable()
    from controller.serving import serve  # noqa: PLC0415 - what has to be loaded with that in force

    gc.freeze()
    gc.enable()
    return serve()


if __name__ == "__main__":
    sys.exit(main())

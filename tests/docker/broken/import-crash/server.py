"""Fails while it is imported."""

SIZES = {"small": 1}


def largest() -> int:
    """The largest size; nobody declared a large one."""
    return SIZES["small"] // (SIZES["small"] - 1)


LARGEST = largest()

"""Whether a disk is full is read off `df`, and asked only where something complains."""

from __future__ import annotations

import pytest

from hud.runtime.witness import full_disk, speaks_of_a_full_disk

HEADING = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n"
ROOMY = "overlay          264212084 27028928  79361984      26% /\n"
SYSTEM = "tmpfs                    0        0         0       -  /sys/firmware\n"


@pytest.mark.parametrize(
    ("listing", "found"),
    [
        ("", None),
        (HEADING + ROOMY + SYSTEM, None),
        (
            HEADING + ROOMY + "tmpfs  1024  1024  0  100% /var/my data\n",
            ("/var/my data", 1024 * 1024),
        ),
        (HEADING + "/dev/sda  500000  499996  4  100% /\n", ("/", 500000 * 1024)),
        ("df: command not found\nsh: 1: df: not found\n", None),
    ],
)
def test_a_full_disk_is_found_in_the_listing(listing: str, found: tuple[str, int] | None) -> None:
    assert full_disk(listing) == found


@pytest.mark.parametrize(
    ("text", "complains"),
    [
        ("OSError: [Errno 28] No space left on device", True),
        ("write failed: ENOSPC", True),
        ("there is space left on the device", False),
    ],
)
def test_a_complaint_about_a_full_disk_is_recognised(text: str, complains: bool) -> None:
    assert speaks_of_a_full_disk(text) == complains

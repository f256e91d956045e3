from __future__ import annotations

from pathlib import Path

import pytest

from controller.doctor import inotify_checks, runc_check


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("1.1.5+ds1", "warning"),
        ("1.1.12", "warning"),
        ("1.2.7", "warning"),
        ("1.2.8", "ok"),
        ("1.3.2", "warning"),
        ("1.3.3", "ok"),
        ("1.4.0-rc.3", "ok"),
        ("unknown", "ok"),
    ],
)
def test_a_runc_that_lets_containers_out_is_told(version: str, status: str) -> None:
    check = runc_check(version)
    assert check.status == status
    assert version in check.message


def test_limits_of_the_kernel_that_are_too_low_come_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "max_user_watches").write_text("8192\n")
    (tmp_path / "max_user_instances").write_text("1024\n")
    watches, instances = inotify_checks(tmp_path)
    assert (watches.status, instances.status) == ("warning", "ok")
    assert watches.hint == "sudo sysctl fs.inotify.max_user_watches=65536"


def test_a_kernel_without_inotify_is_not_asked(tmp_path: Path) -> None:
    assert inotify_checks(tmp_path) == []

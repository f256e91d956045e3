"""Options of `docker run` are understood, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hud.containers.arguments import with_docker_arguments
from hud.containers.spec import ContainerSpec, Mount
from hud.errors import UserError

SPEC = ContainerSpec(image="env")
NOTHING: dict[str, str] = {}


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["-e", "A=b=c", "--env=X="], "env", {"A": "b=c", "X": ""}),
        (["-e", "HOST"], "env", {"HOST": "here"}),
        (["-p", "8080:8000", "-p", "9000"], "ports", {8000: 8080, 9000: 0}),
        (["-p", "127.0.0.1::8000/tcp"], "ports", {8000: 0}),
        (["--rm", "-it", "-w", "/app"], "working_dir", "/app"),
        (["--entrypoint", "sh"], "entrypoint", ("sh",)),
        (["-l", "a=b"], "labels", {"a": "b"}),
        (["--name", "one"], "name", "one"),
    ],
)
def test_an_option_becomes_part_of_the_request(
    arguments: list[str], field: str, value: object
) -> None:
    spec = with_docker_arguments(SPEC, arguments, {"HOST": "here"}.get)
    assert getattr(spec, field) == value


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["-m", "512m"], "memory", 512 << 20),
        (["--cpus=1.5"], "cpus", 1.5),
        (["--network", "bridge"], "network", "internet"),
        (["-p", "80"], "network", "internet"),
        (["--gpus", "device=0,1"], "gpus", ("0", "1")),
        (["--runtime", "runsc"], "runtime", "runsc"),
        (["--tmpfs", "/x:size=1m"], "tmpfs", {"/x": 1 << 20}),
        (["-v", "data:/data:ro"], "mounts", (Mount(source="data", target="/data"),)),
        (["--read-only"], "read_only", True),
        (["--device", "/dev/kvm"], "devices", ("kvm",)),
    ],
)
def test_an_option_changes_the_sandbox(arguments: list[str], field: str, value: object) -> None:
    assert getattr(with_docker_arguments(SPEC, arguments, NOTHING.get).sandbox, field) == value


@pytest.mark.parametrize(
    "arguments",
    [
        ["--privileged"],
        ["--pid=host"],
        ["--network", "host"],
        ["--platform", "linux/arm64"],
        ["--entrypoint", ""],
        ["--security-opt", "seccomp=unconfined"],
        ["-p", "0.0.0.0:80:80"],
        ["-p", "web"],
        ["-v", "/data"],
        ["-m", "much"],
        ["-e", "MISSING"],
        ["-e"],
        ["--env-file", "missing"],
        ["command"],
    ],
)
def test_what_cannot_be_granted_is_refused(arguments: list[str]) -> None:
    with pytest.raises(UserError):
        with_docker_arguments(SPEC, arguments, NOTHING.get)


def test_a_file_of_variables_is_read(tmp_path: Path) -> None:
    (tmp_path / "vars").write_text("# comment\n\nA=1\nB\n", "utf-8")
    read: Any = with_docker_arguments(SPEC, ["--env-file", str(tmp_path / "vars")], {"B": "2"}.get)
    assert read.env == {"A": "1", "B": "2"}

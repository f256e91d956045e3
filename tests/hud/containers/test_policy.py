"""The container policy: what it grants, what it refuses, and that nothing gets past it."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest

from hud.containers import labels
from hud.containers.body import create_body
from hud.containers.policy import CAPABILITIES, check
from hud.containers.spec import ContainerSpec, Mount, Sandbox
from hud.errors import UserError

OWNED = {labels.OWNER: "host:1:2:3:4", labels.RUN: "run", labels.GENERATION: "0"}


def body_for(sandbox: Sandbox, **fields: Any) -> dict[str, Any]:
    return create_body(ContainerSpec(image="python:3.11-slim", sandbox=sandbox, **fields), OWNED)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An environment's folder, with what an attacker would put there."""
    root = tmp_path / "env"
    (root / "data").mkdir(parents=True)
    (root / ".ssh").mkdir()
    (root / "etc").symlink_to("/etc")
    (root / "up").symlink_to("..")
    return root.resolve()


@pytest.mark.parametrize(
    "sandbox",
    [
        Sandbox(),
        Sandbox(profile="strict"),
        Sandbox(network="internet", gpus="all", runtime="runsc", devices=("kvm",), user="app"),
        Sandbox(network="internal", capabilities=("cap_sys_ptrace",), tmpfs={"/dev/shm/x": 1024}),
        Sandbox(volumes=("/var/lib/data",), read_only=True, memory=64 << 20, cpus=0.5, pids=16),
    ],
)
def test_what_is_built_from_an_honest_request_passes(sandbox: Sandbox) -> None:
    check(body_for(sandbox, env={"A": "=b"}), sandbox)


def test_profile_default_drops_everything_but_a_documented_few() -> None:
    config = body_for(Sandbox())["HostConfig"]
    assert config["CapDrop"] == ["ALL"]
    assert config["CapAdd"] == sorted(CAPABILITIES)
    assert all(CAPABILITIES.values())
    assert config["SecurityOpt"] == ["no-new-privileges:true"]
    assert config["Memory"] == config["MemorySwap"] == 2 << 30
    assert (config["NetworkMode"], config["Init"], config["PidsLimit"]) == ("none", True, 512)


def test_profile_strict_is_read_only_unprivileged_and_alone() -> None:
    body = body_for(Sandbox(profile="strict"))
    config = body["HostConfig"]
    assert body["User"] == "1000:1000"
    assert config["ReadonlyRootfs"] is True
    assert (config["CapAdd"], config["NetworkMode"]) == ([], "none")
    assert "noexec" in config["Tmpfs"]["/tmp"]


@pytest.mark.parametrize(
    ("sandbox", "fields", "complaint"),
    [
        (Sandbox(profile="strict", network="internet"), {}, "strict"),
        (Sandbox(profile="strict", capabilities=("SYS_PTRACE",)), {}, "strict"),
        (Sandbox(capabilities=("SYS_ADMIN",)), {}, "SYS_ADMIN"),
        (Sandbox(capabilities=("ALL",)), {}, "ALL"),
        (Sandbox(devices=("sda",)), {}, "sda"),
        (Sandbox(mounts=(Mount(source="x", target="/x"),)), {}, "no folder"),
        (Sandbox(), {"ports": {80: 0}}, "no network"),
    ],
)
def test_a_request_that_cannot_be_granted_is_refused_by_name(
    sandbox: Sandbox, fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        body_for(sandbox, **fields)


@pytest.mark.parametrize(
    ("sandbox", "key"),
    [
        (Sandbox(profile="strict", user="root"), "User"),
        (Sandbox(profile="strict", user="0:0"), "User"),
        (Sandbox(profile="strict", user="00"), "User"),
        (Sandbox(profile="strict", user="1000:0"), "User"),
        (Sandbox(user="a b"), "User"),
        (Sandbox(runtime="/usr/bin/evil"), "HostConfig.Runtime"),
        (Sandbox(tmpfs={"/proc/x": 1024}), "HostConfig.Tmpfs"),
        (Sandbox(tmpfs={"relative": 1024}), "HostConfig.Tmpfs"),
        (Sandbox(volumes=("/sys/fs",)), "HostConfig.Mounts"),
        (Sandbox(volumes=("/",)), "HostConfig.Mounts"),
    ],
)
def test_what_only_the_last_check_sees_is_refused_with_its_key(sandbox: Sandbox, key: str) -> None:
    with pytest.raises(UserError, match=f"`{key}`"):
        check(body_for(sandbox), sandbox)


def test_a_mount_of_the_environments_own_folder_passes(folder: Path) -> None:
    sandbox = Sandbox(folder=folder, mounts=(Mount(source="data", target="/data"),))
    body = body_for(sandbox)
    check(body, sandbox)
    assert body["HostConfig"]["Mounts"][0]["ReadOnly"] is True


@pytest.mark.parametrize(
    "source", ["/etc", "etc", "etc/passwd", "..", "up", ".ssh", "missing", "/", "data/../../x"]
)
def test_a_mount_of_anything_else_is_refused(folder: Path, source: str) -> None:
    sandbox = Sandbox(folder=folder, mounts=(Mount(source=source, target="/data"),))
    with pytest.raises(UserError, match="Mounts"):
        check(body_for(sandbox), sandbox)


@pytest.mark.parametrize("target", ["/", "/proc", "/sys/x", "/dev", "rel", "/a/../b", "/a:/b"])
def test_a_mount_over_the_kernels_paths_is_refused(folder: Path, target: str) -> None:
    sandbox = Sandbox(folder=folder, mounts=(Mount(source="data", target=target),))
    with pytest.raises(UserError, match="Mounts"):
        check(body_for(sandbox), sandbox)


@pytest.mark.parametrize("root", ["/", "/etc", "/run", "/var"])
def test_an_environment_whose_folder_is_the_hosts_mounts_nothing(root: str) -> None:
    sandbox = Sandbox(folder=Path(root), mounts=(Mount(source=".", target="/data"),))
    with pytest.raises(UserError, match="Mounts"):
        check(body_for(sandbox), sandbox)


def test_neither_the_engines_socket_nor_a_folder_that_holds_it_is_mounted(folder: Path) -> None:
    path = folder / "data" / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(path.parent):
        listener.bind(path.name)
    for source in ("data", "data/engine.sock"):
        sandbox = Sandbox(folder=folder, mounts=(Mount(source=source, target="/data"),))
        with pytest.raises(UserError, match="Mounts"):
            check(body_for(sandbox), sandbox, engine_socket=path)


def test_a_body_that_leaves_a_limit_out_is_refused() -> None:
    body = body_for(Sandbox())
    del body["HostConfig"]["PidsLimit"]
    with pytest.raises(UserError, match="PidsLimit"):
        check(body, Sandbox())


def test_the_message_of_a_refusal_shows_no_variable() -> None:
    body = body_for(Sandbox(), env={"TOKEN": "secret\0"})
    with pytest.raises(UserError) as refused:
        check(body, Sandbox())
    assert "secret" not in refused.value.message

"""No configuration gets past the container policy and breaks it.

The rules are stated here a second time, from the attacker's side and without the policy's code;
generated configurations that `check` lets through must keep them all.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hud.containers import labels
from hud.containers.body import create_body
from hud.containers.policy import CAPABILITIES, check
from hud.containers.spec import ContainerSpec, Sandbox
from hud.errors import UserError

OWNED = {labels.OWNER: "host:1:2:3:4", labels.RUN: "run", labels.GENERATION: "0"}


def body_for(sandbox: Sandbox) -> dict[str, Any]:
    return create_body(ContainerSpec(image="python:3.11-slim", sandbox=sandbox), OWNED)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An environment's folder, with what an attacker would put there."""
    root = tmp_path / "env"
    (root / "data").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (root / "etc").symlink_to("/etc")
    (root / "up").symlink_to("..")
    return root.resolve()


HOSTILE: dict[str, list[Any]] = {
    "Privileged": [True, False, "true", 1],
    "Binds": [["/:/host"], ["/run/docker.sock:/s"], [], None],
    "Mounts": [
        [{"Type": "bind", "Source": "/", "Target": "/host"}],
        [
            {
                "Type": "bind",
                "Source": "/run/docker.sock",
                "Target": "/s",
                "ReadOnly": True,
                "BindOptions": {"Propagation": "rprivate"},
            }
        ],
        [
            {
                "Type": "bind",
                "Source": "@/etc",
                "Target": "/e",
                "ReadOnly": True,
                "BindOptions": {"Propagation": "rprivate"},
            }
        ],
        [
            {
                "Type": "bind",
                "Source": "@/up",
                "Target": "/e",
                "ReadOnly": True,
                "BindOptions": {"Propagation": "rprivate"},
            }
        ],
        [
            {
                "Type": "bind",
                "Source": "@/../outside",
                "Target": "/e",
                "ReadOnly": False,
                "BindOptions": {"Propagation": "rprivate"},
            }
        ],
        [
            {
                "Type": "bind",
                "Source": "@/data",
                "Target": "/e",
                "ReadOnly": False,
                "BindOptions": {"Propagation": "rshared"},
            }
        ],
        [
            {
                "Type": "bind",
                "Source": "@/data",
                "Target": "/e",
                "ReadOnly": False,
                "BindOptions": {"Propagation": "rprivate"},
            }
        ],
        [{"Type": "volume", "Source": "other", "Target": "/v"}],
        [
            {
                "Type": "volume",
                "Target": "/v",
                "ReadOnly": False,
                "VolumeOptions": {
                    "Labels": {labels.OWNER: "x"},
                    "DriverConfig": {"Name": "local", "Options": {"o": "bind", "device": "/"}},
                },
            }
        ],
        [
            {
                "Type": "volume",
                "Target": "/v",
                "ReadOnly": False,
                "VolumeOptions": {"Labels": {labels.OWNER: "x"}},
            }
        ],
        [{"Type": "npipe", "Source": "//./pipe/docker_engine", "Target": "/p"}],
        "/:/host",
    ],
    "VolumesFrom": [["other"], []],
    "VolumeDriver": ["evil", ""],
    "Devices": [
        [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/kvm", "CgroupPermissions": "rw"}],
        [{"PathOnHost": "/dev/kvm", "PathInContainer": "/dev/kvm", "CgroupPermissions": "rwm"}],
        [{"PathOnHost": "/dev/kvm", "PathInContainer": "/dev/kvm", "CgroupPermissions": "rw"}],
    ],
    "DeviceRequests": [[{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}], [{"Count": 1}]],
    "DeviceCgroupRules": [["a *:* rwm"], []],
    "PidMode": ["host", "container:x", ""],
    "IpcMode": ["host", "shareable", "container:x", "private"],
    "UTSMode": ["host", ""],
    "UsernsMode": ["host", ""],
    "CgroupnsMode": ["host", "private"],
    "Cgroup": ["host", "container:x"],
    "CgroupParent": ["/", "docker"],
    "NetworkMode": ["host", "container:x", "bridge", "default", "hud-internet", "other", "none"],
    "SecurityOpt": [
        ["seccomp=unconfined"],
        ["no-new-privileges:true", "apparmor=unconfined"],
        ["no-new-privileges:false"],
        ["systempaths=unconfined"],
        ["label:disable"],
        [],
    ],
    "CapAdd": [["ALL"], ["SYS_ADMIN"], ["CAP_SYS_ADMIN"], ["sys_admin"], ["SYS_PTRACE"], ["CHOWN"]],
    "CapDrop": [[], ["CHOWN"], ["ALL", "CHOWN"], None],
    "Sysctls": [{"kernel.core_pattern": "|/x"}, {}],
    "GroupAdd": [["0"], []],
    "ExtraHosts": [["a:host-gateway"]],
    "Dns": [["10.0.0.1"]],
    "Links": [["other:db"]],
    "PublishAllPorts": [True],
    "PortBindings": [
        {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "80"}]},
        {"80/tcp": [{"HostIp": "", "HostPort": "80"}]},
        {"80/tcp": [{"HostPort": "80"}]},
        {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "80"}]},
        {"80/tcp": None},
    ],
    "MaskedPaths": [[], None],
    "ReadonlyPaths": [[], None],
    "ReadonlyRootfs": [False, True],
    "Runtime": ["/usr/bin/evil", "runsc", ""],
    "Memory": [0, -1, 8 << 40],
    "MemorySwap": [-1, 0, 8 << 40],
    "PidsLimit": [0, -1, None, True],
    "NanoCpus": [0, 10**15],
    "ShmSize": [0, 8 << 40],
    "OomKillDisable": [True],
    "OomScoreAdj": [-1000],
    "Ulimits": [[{"Name": "nofile", "Soft": 1 << 30, "Hard": 1 << 30}]],
    "Tmpfs": [{}, {"/x": "exec"}, {"/tmp": ""}, {"/proc": "rw,nosuid,nodev,exec,size=1,mode=1777"}],
    "LogConfig": [
        {"Type": "syslog", "Config": {"syslog-address": "tcp://10.0.0.1"}},
        {"Type": "none"},
    ],
    "Init": [False, None],
    "RestartPolicy": [{"Name": "always"}],
    "AutoRemove": [True],
    "StorageOpt": [{"size": "1t"}],
    "Annotations": [{"a": "b"}],
    "ContainerIDFile": ["/etc/passwd"],
    "Isolation": ["process"],
}
HOSTILE_BODY: dict[str, list[Any]] = {
    "User": ["root", "0", "0:0", "1000:1000", "", "00", "+0"],
    "Volumes": [{"/x": {}}],
    "NetworkingConfig": [{"EndpointsConfig": {"bridge": {}}}],
    "MacAddress": ["02:42:ac:11:00:02"],
    "Hostname": ["gateway"],
    "Tty": [True],
    "Labels": [{}, {labels.OWNER: "x"}],
    "Env": [["NAME"], ["=x"], [1]],
    "Healthcheck": [{"Test": ["CMD", "x"]}],
    "Shell": [["/bin/sh"]],
    "OnBuild": [["RUN x"]],
    "privileged": [True],
    "hostConfig": [{"Privileged": True}],
}  # fmt: skip

Holds = Callable[[dict[str, Any], dict[str, Any], Sandbox], bool]

INVARIANTS: dict[str, Holds] = {
    "nothing that hands over the host": lambda body, host, sandbox: not any(
        host.get(key)
        for key in (
            "Privileged", "Binds", "VolumesFrom", "VolumeDriver", "Sysctls", "GroupAdd", "Links",
            "Dns", "ExtraHosts", "PublishAllPorts", "OomKillDisable", "CgroupParent",
        )
    ),
    "no namespace of the host": lambda body, host, sandbox: (
        not any(host.get(key) for key in ("PidMode", "UTSMode", "UsernsMode", "Cgroup"))
        and host["IpcMode"] == host["CgroupnsMode"] == "private"
    ),
    "the kernel's paths stay masked": lambda body, host, sandbox: not (
        {"MaskedPaths", "ReadonlyPaths", "Annotations", "Ulimits", "OomScoreAdj"} & {*body, *host}
    ),
    "no privileges are gained": lambda body, host, sandbox: (
        any("no-new-privileges" in option for option in host["SecurityOpt"])
        and not any(
            word in option
            for word in ("unconfined", "false", "disable")
            for option in host["SecurityOpt"]
        )
    ),
    "only granted capabilities": lambda body, host, sandbox: (
        host["CapDrop"] == ["ALL"]
        and set(host["CapAdd"]) <= {*CAPABILITIES, *map(str.upper, sandbox.capabilities)}
        and not {"SYS_ADMIN", "ALL", "SYS_MODULE", "SYS_RAWIO", "NET_ADMIN"} & set(host["CapAdd"])
    ),
    "only the declared network": lambda body, host, sandbox: (
        host["NetworkMode"] in {"none", f"hud-{sandbox.network}"} and "NetworkingConfig" not in body
    ),
    "ports open to this host only": lambda body, host, sandbox: all(
        binding["HostIp"] == "127.0.0.1"
        for bindings in host["PortBindings"].values()
        for binding in bindings
    ),
    "only declared devices": lambda body, host, sandbox: (
        all(
            device["PathOnHost"] == "/dev/kvm" and "m" not in device["CgroupPermissions"]
            for device in host["Devices"]
        )
        and (not host["Devices"] or "kvm" in sandbox.devices)
        and (not host["DeviceRequests"] or sandbox.gpus is not None)
        and "DeviceCgroupRules" not in host
    ),
    "mounts from the environment's folder only": lambda body, host, sandbox: all(
        is_harmless(mount, sandbox) for mount in host["Mounts"]
    ),
    "limits are set": lambda body, host, sandbox: (
        0 < host["Memory"] == host["MemorySwap"] <= sandbox.memory
        and 0 < host["PidsLimit"] <= sandbox.pids
        and 0 < host["NanoCpus"] <= sandbox.cpus * 1e9
        and 0 < host["ShmSize"] <= sandbox.shm
        and "size=" in host["Tmpfs"]["/tmp"]
        and "max-size" in host["LogConfig"]["Config"]
    ),
    "zombies are reaped, containers do not come back": lambda body, host, sandbox: (
        host["Init"] is True and "RestartPolicy" not in host
    ),
    "no program of the host is run": lambda body, host, sandbox: "/" not in host.get("Runtime", ""),
    "strict means strict": lambda body, host, sandbox: (
        sandbox.profile == "default"
        or (
            int(body["User"].split(":")[0]) > 0
            and host["ReadonlyRootfs"] is True
            and host["NetworkMode"] == "none"
            and host["CapAdd"] == []
        )
    ),
}  # fmt: skip


def is_harmless(mount: dict[str, Any], sandbox: Sandbox) -> bool:
    if mount["Type"] == "bind":
        own = os.path.realpath(mount["Source"]).startswith(f"{sandbox.folder}/")
        return own and bool(mount["BindOptions"] == {"Propagation": "rprivate"})
    return mount["Type"] == "volume" and not mount.get("Source") and "Driver" not in str(mount)


SANDBOXES: list[Callable[[Path], Sandbox]] = [
    lambda folder: Sandbox(folder=folder),
    lambda folder: Sandbox(folder=folder, profile="strict"),
    lambda folder: Sandbox(folder=folder, network="internal", devices=("kvm",)),
    lambda folder: Sandbox(folder=folder, network="internet", capabilities=("SYS_PTRACE",)),
    lambda folder: Sandbox(folder=folder, gpus=1, runtime="runsc"),
]


DROPPED = ["CapDrop", "Memory", "SecurityOpt", "Init"]


def choices(values: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    pairs = [st.tuples(st.just(key), st.sampled_from(found)) for key, found in values.items()]
    noise = st.tuples(st.text(max_size=12), st.none() | st.booleans() | st.integers() | st.text())
    return st.lists(st.one_of(*pairs, noise), min_size=1, max_size=3).map(dict)


def placed(value: Any, folder: Path) -> Any:
    """The value with `@` as the environment's folder."""
    if isinstance(value, str):
        return value.replace("@", str(folder), 1) if value.startswith("@") else value
    if isinstance(value, list):
        return [placed(item, folder) for item in value]
    if isinstance(value, dict):
        return {key: placed(item, folder) for key, item in value.items()}
    return value


@settings(
    max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    make=st.sampled_from(SANDBOXES),
    host=choices(HOSTILE),
    top=st.just({}) | choices(HOSTILE_BODY),
    dropped=st.just(set()) | st.sets(st.sampled_from(DROPPED), min_size=1, max_size=1),
)
def test_no_generated_configuration_passes_and_breaks_the_rules(
    folder: Path,
    make: Callable[[Path], Sandbox],
    host: dict[str, Any],
    top: dict[str, Any],
    dropped: set[str],
) -> None:
    sandbox = make(folder)
    body = copy.deepcopy(body_for(sandbox))
    body |= placed(top, folder)
    body["HostConfig"] |= placed(host, folder)
    for key in dropped:
        body["HostConfig"].pop(key, None)
    assert broken_rules(body, sandbox) == []


@pytest.mark.parametrize("make", SANDBOXES)
def test_no_single_change_passes_and_breaks_the_rules(
    folder: Path, make: Callable[[Path], Sandbox]
) -> None:
    sandbox = make(folder)
    for key, values in HOSTILE.items():
        for value in values:
            body = body_for(sandbox)
            body["HostConfig"][key] = placed(value, folder)
            assert broken_rules(body, sandbox) == []


def broken_rules(body: dict[str, Any], sandbox: Sandbox) -> list[str]:
    """The rules that a body breaks although it passes."""
    try:
        check(body, sandbox)
    except UserError:
        return []
    config = body["HostConfig"]
    return [rule for rule, holds in INVARIANTS.items() if not holds(body, config, sandbox)]


@pytest.mark.parametrize("rule", INVARIANTS)
def test_the_rules_are_not_empty(folder: Path, rule: str) -> None:
    """Every rule finds some hostile value when nothing checks: what it states can be broken."""
    broken = 0
    for make in SANDBOXES:
        for key, values in HOSTILE.items():
            for value in values:
                body = copy.deepcopy(body_for(make(folder)))
                body["HostConfig"][key] = placed(value, folder)
                broken += not safely(INVARIANTS[rule], body, make(folder))
    body = body_for(SANDBOXES[1](folder)) | {"User": "0"}
    broken += not safely(INVARIANTS[rule], body, SANDBOXES[1](folder))
    assert broken > 0


def safely(holds: Holds, body: dict[str, Any], sandbox: Sandbox) -> bool:
    try:
        return holds(body, body["HostConfig"], sandbox)
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


@pytest.mark.parametrize("key", sorted(HOSTILE_BODY))
def test_each_hostile_value_of_the_body_is_refused(key: str) -> None:
    kept = {"User": {"root", "0", "0:0", "1000:1000", "", "00"}}
    for value in HOSTILE_BODY[key]:
        if isinstance(value, str) and value in kept.get(key, ()):
            continue
        with pytest.raises(UserError):
            check(body_for(Sandbox()) | {key: value}, Sandbox())

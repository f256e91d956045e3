"""From a request to the engine's create body. Everything is said, so that no default of the engine
decides.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from hud.containers import labels
from hud.containers.custody import KEEPER
from hud.containers.policy import (
    CAPABILITIES,
    DEVICES,
    EXTRA_CAPABILITIES,
    LOG_CONFIG,
    NETWORKS,
    NO_NEW_PRIVILEGES,
    STRICT_USER,
    device_mapping,
    gpu_requests,
    plain_capability,
)
from hud.containers.spec import ContainerSpec, Mount, Sandbox
from hud.errors import UserError


def create_body(spec: ContainerSpec, owned: Mapping[str, str]) -> dict[str, Any]:
    """What the engine is asked to create. `owned` are the labels that say whose it is.

    Raises:
        UserError: the request cannot be granted.
    """
    sandbox = spec.sandbox
    _refuse_contradictions(spec)
    body: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{name}={value}" for name, value in spec.env.items()],
        "Labels": {**spec.labels, **owned, **({KEEPER: spec.keeper} if spec.keeper else {})},
        "User": sandbox.user or (STRICT_USER if sandbox.profile == "strict" else ""),
        "Tty": False,
        "OpenStdin": spec.stdin,
        "StdinOnce": spec.stdin and not spec.keeper,
        "AttachStdin": spec.stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "StopTimeout": spec.stop_seconds,
        "ExposedPorts": {f"{port}/tcp": {} for port in spec.ports},
        "HostConfig": _host_config(spec),
    }
    optional = {"Cmd": spec.command, "Entrypoint": spec.entrypoint, "WorkingDir": spec.working_dir}
    body |= {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in optional.items()
        if value is not None
    }
    return body


def _host_config(spec: ContainerSpec) -> dict[str, Any]:
    sandbox = spec.sandbox
    strict = sandbox.profile == "strict"
    config: dict[str, Any] = {
        "CapDrop": ["ALL"],
        "CapAdd": []
        if strict
        else sorted({*CAPABILITIES, *map(_capability, sandbox.capabilities)}),
        "SecurityOpt": list(NO_NEW_PRIVILEGES),
        "Init": True,
        "ReadonlyRootfs": strict or sandbox.read_only,
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "PidsLimit": sandbox.pids,
        "Memory": sandbox.memory,
        "MemorySwap": sandbox.memory,
        "NanoCpus": int(sandbox.cpus * 1e9),
        "ShmSize": sandbox.shm,
        "Tmpfs": {
            path: _tmpfs(size, strict)
            for path, size in {"/tmp": sandbox.tmp, **sandbox.tmpfs}.items()
        },
        "LogConfig": {"Type": LOG_CONFIG["Type"], "Config": dict(LOG_CONFIG["Config"])},
        "NetworkMode": NETWORKS[sandbox.network],
        "Mounts": [
            *(_bind(mount, sandbox) for mount in sandbox.mounts),
            *(_volume(path, spec) for path in sandbox.volumes),
        ],
        "Devices": [_device(name) for name in sandbox.devices],
        "DeviceRequests": gpu_requests(sandbox),
        "PortBindings": _port_bindings(spec),
    }
    if sandbox.runtime is not None:
        config["Runtime"] = sandbox.runtime
    return config


def _refuse_contradictions(spec: ContainerSpec) -> None:
    sandbox = spec.sandbox
    if sandbox.profile == "strict" and sandbox.network != "none":
        raise UserError(f"profile `strict` has no network, but `{sandbox.network}` is asked for")
    if sandbox.profile == "strict" and sandbox.capabilities:
        raise UserError(
            f"profile `strict` adds no capability, but {sandbox.capabilities[0]!r} is asked for"
        )
    if spec.ports and sandbox.network == "none":
        port = next(iter(spec.ports))
        raise UserError(
            f"port {port} of `{spec.image}` cannot be reached: the container has no network",
            hint='set `network = "internal"` in [tool.hud]',
        )


def _capability(name: str) -> str:
    plain = plain_capability(name)
    if plain not in EXTRA_CAPABILITIES and plain not in CAPABILITIES:
        raise UserError(
            f"capability `{name}` is not granted to any environment",
            hint=f"these can be declared: {', '.join(EXTRA_CAPABILITIES)}",
        )
    return plain


def _tmpfs(size: int, strict: bool) -> str:
    return f"rw,nosuid,nodev,{'noexec' if strict else 'exec'},size={size},mode=1777"


def _bind(mount: Mount, sandbox: Sandbox) -> dict[str, Any]:
    if sandbox.folder is None:
        raise UserError(f"`{mount.source}` cannot be mounted: the environment has no folder")
    return {
        "Type": "bind",
        "Source": os.path.realpath(sandbox.folder / mount.source),
        "Target": mount.target,
        "ReadOnly": not mount.writable,
        "BindOptions": {"Propagation": "rprivate"},
    }


def _volume(path: str, spec: ContainerSpec) -> dict[str, Any]:
    options = {"Labels": {labels.OWNER: str(labels.this_process()), labels.RUN: spec.run}}
    options["Labels"][labels.GENERATION] = str(spec.generation)
    if spec.keeper:
        options["Labels"][KEEPER] = spec.keeper
    return {"Type": "volume", "Target": path, "ReadOnly": False, "VolumeOptions": options}


def _device(name: str) -> dict[str, str]:
    if name not in DEVICES:
        raise UserError(
            f"device `{name}` is not given to any environment",
            hint=f"known devices: {', '.join(DEVICES)}",
        )
    return device_mapping(name)


def _port_bindings(spec: ContainerSpec) -> dict[str, list[dict[str, str]]]:
    """Ports are published from a network that leads out only; of an internal one the host sees the
    addresses.
    """
    if spec.sandbox.network != "internet":
        return {}
    return {
        f"{inside}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(outside or "")}]
        for inside, outside in spec.ports.items()
    }

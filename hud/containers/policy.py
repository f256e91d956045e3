"""The rules that every container obeys, and `check`, the last look at a create body before the
engine sees it.

1. It is an allow-list: a key that has no rule is refused, whatever its value, and so is a body that
   leaves out a key whose default the engine would choose.
2. What the engine lets one say in two ways (`Binds` and `Mounts`) can be said in one way only.
3. It is pure, except that a mount's source is looked up on the disk to see through symbolic links.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from hud.containers import labels
from hud.containers.spec import Sandbox
from hud.errors import UserError

CAPABILITIES = {
    "CHOWN": "entry points hand their data folder to the service's user",
    "DAC_OVERRIDE": "root writes into folders of other users, as package scripts and tools do",
    "FOWNER": "root changes the mode of files that another user owns, as `initdb` and `dpkg` do",
    "KILL": "a supervisor that runs as root stops services that run as another user",
    "NET_BIND_SERVICE": "ports below 1024, where the runtime does not open these to everybody",
    "SETGID": "stepping down from root (`su`, `gosu`, apt's own user) needs the group first",
    "SETUID": "stepping down from root to a service's user",
}
"""Capabilities that profile `default` adds back after dropping all, with the reason. Profile
`strict` adds none.
"""

EXTRA_CAPABILITIES = {
    "AUDIT_WRITE": "log-in programs that report to the audit log",
    "FSETID": "keeping set-user-id bits when files change hands",
    "IPC_LOCK": "databases that lock their memory",
    "SETFCAP": "installing programs with file capabilities",
    "SETPCAP": "services that drop capabilities by themselves",
    "SYS_CHROOT": "servers that lock themselves into a folder",
    "SYS_NICE": "programs that set priorities",
    "SYS_PTRACE": "debuggers and tracers of the container's own processes",
}
"""Capabilities that an environment may declare."""

DEVICES = {
    "dri": ("/dev/dri", "graphics"),
    "kvm": ("/dev/kvm", "virtual machines such as Android emulators"),
    "snd": ("/dev/snd", "sound"),
}
"""Devices that an environment may declare, by name: the path, and what it is for."""

NETWORKS = {"none": "none", "internal": "hud-internal", "internet": "hud-internet"}
"""The engine's name of each kind of network."""

SENSITIVE = frozenset({".aws", ".azure", ".docker", ".gnupg", ".kube", ".netrc", ".ssh"})
"""Names that are never mounted, wherever they are."""

HOST_PATHS = tuple(
    Path(path)
    for path in (
        "/boot",
        "/dev",
        "/etc",
        "/proc",
        "/run",
        "/sys",
        "/var/run",
        "/var/lib/containerd",
        "/var/lib/docker",
    )
)
"""Paths of the host of which no mount may show or hold a part; the engine's sockets are among them.
"""

LOG_CONFIG: dict[str, Any] = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}}
NO_NEW_PRIVILEGES = ["no-new-privileges:true"]
STRICT_USER = "1000:1000"

_ORDINARY_USER = re.compile(r"[1-9][0-9]{0,8}(:[1-9][0-9]{0,8})?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
_RUNTIME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_TMPFS = re.compile(r"rw,nosuid,nodev,(exec|noexec),size=[1-9][0-9]*,mode=1777")
_PORT = re.compile(r"([1-9][0-9]{0,4})/tcp")

Rule = Callable[[Any, Sandbox], bool]


def plain_capability(name: str) -> str:
    """A capability's name as the engine writes it: `sys_ptrace` and `CAP_SYS_PTRACE` are
    `SYS_PTRACE`.
    """
    return name.upper().removeprefix("CAP_")


def device_mapping(name: str) -> dict[str, str]:
    """The engine's words for one of `DEVICES`."""
    path = DEVICES[name][0]
    return {"PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "rw"}


def gpu_requests(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The engine's words for the GPUs that are declared."""
    if sandbox.gpus is None:
        return []
    if isinstance(sandbox.gpus, tuple):
        return [{"Driver": "", "DeviceIDs": list(sandbox.gpus), "Capabilities": [["gpu"]]}]
    count = -1 if sandbox.gpus == "all" else sandbox.gpus
    return [{"Driver": "", "Count": count, "Capabilities": [["gpu"]]}]


def check(body: Mapping[str, Any], sandbox: Sandbox, *, engine_socket: Path | None = None) -> None:
    """Refuse a create body that breaks the rules, or that takes anything else than `sandbox`
    declares.

    `engine_socket` is where the engine listens, if that is a file: no mount may hold it.

    Raises:
        UserError: with the key at fault.
    """
    _check_keys(body, _BODY_RULES, _BODY_OPTIONAL, "", sandbox)
    _check_keys(body["HostConfig"], _HOST_RULES, _HOST_OPTIONAL, "HostConfig.", sandbox)
    for mount in body["HostConfig"]["Mounts"]:
        source = mount.get("Source")
        if engine_socket and source and engine_socket.resolve().is_relative_to(source):
            raise _refusal("HostConfig.Mounts", mount)


def _check_keys(
    values: Mapping[str, Any],
    rules: Mapping[str, Rule],
    optional: frozenset[str],
    prefix: str,
    sandbox: Sandbox,
) -> None:
    for key, value in values.items():
        if key not in rules or not rules[key](value, sandbox):
            raise _refusal(f"{prefix}{key}", value)
    missing = sorted(rules.keys() - optional - values.keys())
    if missing:
        raise UserError(
            f"a container without `{prefix}{missing[0]}` is refused: the limit must be said"
        )


def _refusal(key: str, value: object) -> UserError:
    shown = "a list of variables" if key == "Env" else repr(value)
    return UserError(
        f"a container with `{key}` = {shown[:200]} is refused by the container policy",
        hint="what an environment may declare is in [tool.hud] of its pyproject.toml",
    )


def _is_text(value: Any, _: Sandbox) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_bool(value: Any, _: Sandbox) -> bool:
    return isinstance(value, bool)


def _is_false(value: Any, _: Sandbox) -> bool:
    return value is False


def _is_true(value: Any, _: Sandbox) -> bool:
    return value is True


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_command(value: Any, sandbox: Sandbox) -> bool:
    return isinstance(value, list) and all(_is_text(word, sandbox) for word in value)


def _is_environment(value: Any, sandbox: Sandbox) -> bool:
    return _is_command(value, sandbox) and all(entry.find("=") > 0 for entry in value)


def _is_labels(value: Any, sandbox: Sandbox) -> bool:
    owned = {labels.OWNER, labels.RUN, labels.GENERATION}
    return (
        isinstance(value, dict)
        and owned <= value.keys()
        and _is_command([*value, *value.values()], sandbox)
    )


def _is_user(value: Any, sandbox: Sandbox) -> bool:
    if not isinstance(value, str):
        return False
    if sandbox.profile == "strict":
        return bool(_ORDINARY_USER.fullmatch(value))
    return value == "" or bool(_USER.fullmatch(value))


def _is_exposed(value: Any, _: Sandbox) -> bool:
    return isinstance(value, dict) and all(
        _is_port(key) and item == {} for key, item in value.items()
    )


def _is_port(key: object) -> bool:
    match = _PORT.fullmatch(key) if isinstance(key, str) else None
    return match is not None and int(match[1]) < 65536


def _is_seconds(value: Any, _: Sandbox) -> bool:
    return value == 0 or _is_count(value)


def _adds_granted_capabilities(value: Any, sandbox: Sandbox) -> bool:
    if not isinstance(value, list):
        return False
    declared = {plain_capability(name) for name in sandbox.capabilities}
    granted = CAPABILITIES.keys() | (declared & EXTRA_CAPABILITIES.keys())
    return not value if sandbox.profile == "strict" else all(name in granted for name in value)


def _is_tmpfs(value: Any, sandbox: Sandbox) -> bool:
    return (
        isinstance(value, dict)
        and "/tmp" in value
        and all(_is_target(path, shared_memory=True) for path in value)
        and all(_is_tmpfs_options(options, sandbox) for options in value.values())
    )


def _is_tmpfs_options(options: object, sandbox: Sandbox) -> bool:
    match = _TMPFS.fullmatch(options) if isinstance(options, str) else None
    return match is not None and (sandbox.profile == "default" or match[1] == "noexec")


def _is_target(value: object, *, shared_memory: bool = False) -> bool:
    """Whether a path inside can be covered: absolute, without detours, and not the kernel's."""
    if not isinstance(value, str) or not value.startswith("/") or os.path.normpath(value) != value:
        return False
    top = PurePosixPath(value).parts[1:2]
    if not top or "\0" in value or ":" in value:
        return False
    return top[0] not in {"proc", "sys", "dev"} or (shared_memory and value.startswith("/dev/shm/"))


def _is_mounts(value: Any, sandbox: Sandbox) -> bool:
    return isinstance(value, list) and all(
        isinstance(mount, dict) and (_is_safe_volume(mount) or _is_safe_bind(mount, sandbox))
        for mount in value
    )


def _is_safe_volume(mount: Mapping[str, Any]) -> bool:
    """An anonymous volume of the engine's own; a named one, or one with driver options, can be any
    host path.
    """
    options = mount.get("VolumeOptions")
    return (
        mount.keys() == {"Type", "Target", "ReadOnly", "VolumeOptions"}
        and mount["Type"] == "volume"
        and _is_target(mount["Target"])
        and isinstance(mount["ReadOnly"], bool)
        and isinstance(options, dict)
        and options.keys() == {"Labels"}
        and isinstance(options["Labels"], dict)
        and labels.OWNER in options["Labels"]
    )


def _is_safe_bind(mount: Mapping[str, Any], sandbox: Sandbox) -> bool:
    return (
        mount.keys() == {"Type", "Source", "Target", "ReadOnly", "BindOptions"}
        and mount["Type"] == "bind"
        and _is_target(mount["Target"])
        and isinstance(mount["ReadOnly"], bool)
        and mount["BindOptions"] == {"Propagation": "rprivate"}
        and sandbox.folder is not None
        and _is_own_file(mount["Source"], sandbox.folder)
    )


def _is_own_file(source: object, folder: Path) -> bool:
    """Whether the path is a file or folder within the environment's folder, with no symbolic link
    on the way.
    """
    if not isinstance(source, str) or os.path.realpath(source) != source:
        return False
    path, root = Path(source), Path(os.path.realpath(folder))
    if (
        not path.is_relative_to(root)
        or SENSITIVE & set(path.parts)
        or Path.home().is_relative_to(path)
    ):
        return False
    if any(path.is_relative_to(host) or host.is_relative_to(path) for host in HOST_PATHS):
        return False
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _is_devices(value: Any, sandbox: Sandbox) -> bool:
    declared = [device_mapping(name) for name in sandbox.devices if name in DEVICES]
    return isinstance(value, list) and all(device in declared for device in value)


def _is_log_config(value: Any, _: Sandbox) -> bool:
    return bool(value == LOG_CONFIG)


def _is_port_bindings(value: Any, sandbox: Sandbox) -> bool:
    if not isinstance(value, dict) or (value and sandbox.network != "internet"):
        return False
    return all(_is_port(key) and _is_loopback(bindings) for key, bindings in value.items())


def _is_loopback(bindings: Any) -> bool:
    return isinstance(bindings, list) and all(
        isinstance(binding, dict)
        and binding.keys() == {"HostIp", "HostPort"}
        and binding["HostIp"] == "127.0.0.1"
        and (binding["HostPort"] == "" or _is_port(f"{binding['HostPort']}/tcp"))
        for binding in bindings
    )


_BODY_RULES: dict[str, Rule] = {
    "Image": lambda value, _: isinstance(value, str) and bool(value) and not value.startswith("-"),
    "Cmd": _is_command,
    "Entrypoint": _is_command,
    "WorkingDir": lambda value, _: isinstance(value, str) and value.startswith("/"),
    "Env": _is_environment,
    "Labels": _is_labels,
    "User": _is_user,
    "Tty": _is_false,
    "OpenStdin": _is_bool,
    "StdinOnce": _is_bool,
    "AttachStdin": _is_bool,
    "AttachStdout": _is_bool,
    "AttachStderr": _is_bool,
    "StopTimeout": _is_seconds,
    "ExposedPorts": _is_exposed,
    "HostConfig": lambda value, _: isinstance(value, dict),
}
_BODY_OPTIONAL = frozenset({"Cmd", "Entrypoint", "WorkingDir"})

_HOST_RULES: dict[str, Rule] = {
    "CapDrop": lambda value, _: value == ["ALL"],
    "CapAdd": _adds_granted_capabilities,
    "SecurityOpt": lambda value, _: value == NO_NEW_PRIVILEGES,
    "Init": _is_true,
    "ReadonlyRootfs": lambda value, sandbox: (
        value is True or (value is False and sandbox.profile == "default")
    ),
    "IpcMode": lambda value, _: value == "private",
    "CgroupnsMode": lambda value, _: value == "private",
    "PidsLimit": lambda value, sandbox: _is_count(value) and value == sandbox.pids,
    "Memory": lambda value, sandbox: _is_count(value) and value == sandbox.memory,
    "MemorySwap": lambda value, sandbox: _is_count(value) and value == sandbox.memory,
    "NanoCpus": lambda value, sandbox: _is_count(value) and value == int(sandbox.cpus * 1e9),
    "ShmSize": lambda value, sandbox: _is_count(value) and value == sandbox.shm,
    "Tmpfs": _is_tmpfs,
    "LogConfig": _is_log_config,
    "NetworkMode": lambda value, sandbox: value in ("none", NETWORKS[sandbox.network]),
    "Mounts": _is_mounts,
    "Devices": _is_devices,
    "DeviceRequests": lambda value, sandbox: value == gpu_requests(sandbox),
    "PortBindings": _is_port_bindings,
    "Runtime": lambda value, sandbox: value == sandbox.runtime and bool(_RUNTIME.fullmatch(value)),
}
_HOST_OPTIONAL = frozenset({"Runtime"})

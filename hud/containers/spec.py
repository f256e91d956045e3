"""What is asked of a container, as data: the request (`ContainerSpec`) and what confines it
(`Sandbox`).

A `Sandbox` is what `[tool.hud]` of an environment's `pyproject.toml` declares. What may not be
declared at all is listed in `FORBIDDEN`; turning both into the engine's words, and refusing what
breaks the rules, is `policy`'s work.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hud.errors import UserError

Profile = Literal["default", "strict"]
Network = Literal["none", "internal", "internet"]

MIB = 1024 * 1024
GIB = 1024 * MIB

FORBIDDEN = {
    "privileged": "it switches every protection off",
    "security_opt": "confinement is never loosened",
    "cap_add": "name single capabilities in `capabilities`",
    "cgroup_parent": "limits are set by `memory`, `cpus` and `pids`",
    "docker_socket": "the engine's socket is root on the host",
    "dns": "names are resolved by the engine",
    "extra_hosts": "names are resolved by the engine",
    "group_add": "set `user`",
    "ipc": "the host's namespaces are never shared",
    "links": "environments do not see each other",
    "network_mode": "choose `network`",
    "pid": "the host's namespaces are never shared",
    "sysctls": "kernel settings are never changed",
    "userns": "the host's namespaces are never shared",
    "uts": "the host's namespaces are never shared",
    "volumes_from": "environments do not see each other",
}
"""Keys of `[tool.hud]` that are refused, with the reason."""

OTHER_KEYS = ("image", "mount", "variables")
"""Keys of `[tool.hud]` that say nothing of a sandbox: the image's name, where `hud dev` puts files,
which variables enter.
"""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": MIB, "g": GIB, "t": 1024 * GIB}


def size_in_bytes(value: object) -> int:
    """Bytes of a size such as `512m`, `1.5g` or a plain number of bytes.

    Raises:
        ValueError: it is not a size, or not positive.
    """
    match = _SIZE.fullmatch(str(value).strip())
    if match is None or isinstance(value, bool):
        raise ValueError(f"{value!r} is not a size such as `512m` or `2g`")
    size = int(float(match[1]) * _UNITS[match[2].lower()])
    if size <= 0:
        raise ValueError("a size must be more than 0")
    return size


def size_in_words(size: int) -> str:
    """A number of bytes for the reader: `512 MiB`."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (1024, "KiB")):
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size} bytes"


Size = Annotated[int, BeforeValidator(size_in_bytes)]


class Mount(BaseModel):
    """A file or folder of the environment's own folder that the container sees."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """Path on the host, relative to the environment's folder."""
    target: str
    """Absolute path in the container."""
    writable: bool = False


class Sandbox(BaseModel):
    """What a container may do and use. The values here are profile `default`, which most images run
    under.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path | None = None
    """The environment's folder: the only one that mounts may come from."""
    profile: Profile = "default"
    network: Network = "none"
    memory: Size = Field(2 * GIB, ge=8 * MIB)
    """Bytes of memory, swap included; everything in tmpfs counts."""
    cpus: float = Field(1.0, gt=0, le=1024)
    """Processors' worth of time."""
    pids: int = Field(512, ge=4, le=32768)
    """Processes and threads at once."""
    tmp: Size = 256 * MIB
    """Bytes of `/tmp`, which is in memory and hides what the image has there."""
    shm: Size = 64 * MIB
    """Bytes of `/dev/shm`; browsers want about a GiB."""
    tmpfs: dict[str, Size] = Field(default_factory=dict)
    """Further folders in memory, by path, with their bytes."""
    volumes: tuple[str, ...] = ()
    """Paths that are kept on disk, outside the image's layers, and go with the container."""
    mounts: tuple[Mount, ...] = ()
    capabilities: tuple[str, ...] = ()
    """Capabilities beyond those of the profile, such as `SYS_PTRACE`."""
    devices: tuple[str, ...] = ()
    """Devices by name, such as `kvm`."""
    gpus: Literal["all"] | int | tuple[str, ...] | None = None
    """All GPUs, a number of them, or some by id."""
    runtime: str | None = None
    """The engine's runtime, such as `runsc`; None means its default."""
    user: str | None = None
    """User inside, as `uid`, `uid:gid` or a name; None means the image's own, or 1000:1000 under
    `strict`.
    """
    read_only: bool = False
    """Whether the root file system is read-only; always so under `strict`."""

    @classmethod
    def declared(cls, table: Mapping[str, Any], folder: Path) -> Sandbox:
        """The sandbox that `[tool.hud]` asks for. Keys that are not about containers are left to
        others.

        Raises:
            UserError: a key is forbidden or misspelled, or its value cannot be used.
        """
        for key in table:
            _refuse_key(key)
        own = {
            key: value
            for key, value in table.items()
            if key in cls.model_fields and key != "folder"
        }
        try:
            return cls.model_validate({**own, "folder": folder.resolve()})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = first["msg"].removeprefix("Value error, ")
            raise UserError(f"`{where}` in [tool.hud] of {folder}: {reason}") from error

    def deviations(self) -> list[str]:
        """What differs from profile `default`, one sentence each, for the reader."""
        plain = Sandbox()
        return [
            f"{name}: {_shown(getattr(self, name))} (default: {_shown(getattr(plain, name))})"
            for name in type(self).model_fields
            if name != "folder" and getattr(self, name) != getattr(plain, name)
        ]


def sandbox_of(folder: Path) -> Sandbox:
    """What the `pyproject.toml` in an environment's folder declares; without one, the defaults.

    Raises:
        UserError: the file cannot be read, or declares what cannot be.
    """
    path = folder / "pyproject.toml"
    try:
        text = path.read_text("utf-8")
        table = tomllib.loads(text).get("tool", {}).get("hud", {})
    except FileNotFoundError:
        table = {}
    except (OSError, ValueError) as error:
        raise UserError(f"`{path}` cannot be read: {error}") from error
    return Sandbox.declared(table, folder)


def _refuse_key(key: str) -> None:
    if key in FORBIDDEN:
        raise UserError(f"`{key}` in [tool.hud] is forbidden: {FORBIDDEN[key]}")
    known = [*OTHER_KEYS, *(name for name in Sandbox.model_fields if name != "folder")]
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
    if close and key not in known:
        raise UserError(f"`{key}` in [tool.hud] is unknown", hint=f"did you mean `{close[0]}`?")


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(_shown(item) for item in value) or "none"
    if isinstance(value, Mount):
        return f"{value.source} at {value.target}{' (writable)' if value.writable else ''}"
    if isinstance(value, int) and not isinstance(value, bool) and value >= MIB:
        return size_in_words(value)
    return "none" if value is None else str(value)


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """One container to make."""

    image: str
    command: tuple[str, ...] | None = None
    """Replaces the image's CMD; None keeps it."""
    entrypoint: tuple[str, ...] | None = None
    """Replaces the image's ENTRYPOINT; None keeps it."""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables inside, beside those of the image. Nothing of the host's environment is added."""
    working_dir: str | None = None
    ports: Mapping[int, int] = field(default_factory=dict)
    """TCP ports inside, each with the host's port on 127.0.0.1; 0 takes a free one."""
    stdin: bool = False
    """Whether something will be attached to the container's stdin."""
    stop_seconds: int = 10
    """Seconds between SIGTERM and SIGKILL when the container is stopped."""
    sandbox: Sandbox = field(default_factory=Sandbox)
    labels: Mapping[str, str] = field(default_factory=dict)
    """Further labels; those that start with `hud.` are ours."""
    name: str | None = None
    """The container's name; None makes one that no other container of this process has."""
    run: str = ""
    """The job or session that it belongs to."""
    keeper: str = ""
    """The installation whose next process may take it over when its owner has died. Its stdin
    stays open then.
    """
    generation: int = 0
    """How many containers it replaces, one after the other."""

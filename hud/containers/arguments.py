"""Options of `docker run`, which people already know, as a request of ours. Those that break the
policy are refused.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from hud.containers.spec import ContainerSpec, Mount, Sandbox
from hud.errors import UserError

_NETWORKS = {
    "none": "none",
    "internal": "internal",
    "internet": "internet",
    "bridge": "internet",
    "default": "internet",
}
_IGNORED = (
    *("-i", "--interactive", "-t", "--tty", "-it", "-ti"),
    *("--rm", "-d", "--detach", "--init"),
)
_PLATFORM_HINT = "an image is of one platform: hud build --platform chooses it"
_SANDBOX_HINT = "what a container may do is declared in [tool.hud] of pyproject.toml"

Lookup = Callable[[str], str | None]
"""The value of a variable of this machine; None if it has none."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"docker arguments: {message}")


def with_docker_arguments(
    spec: ContainerSpec, arguments: Sequence[str], look_up: Lookup
) -> ContainerSpec:
    """The request, changed as the options say. `look_up` has the value for `-e NAME`.

    Raises:
        UserError: an option is unknown, forbidden or badly written.
    """
    given, unknown = _parser().parse_known_args([arg for arg in arguments if arg not in _IGNORED])
    if unknown:
        hint = _PLATFORM_HINT if unknown[0].startswith("--platform") else _SANDBOX_HINT
        raise UserError(f"docker argument `{unknown[0]}` is not supported", hint=hint)
    if given.entrypoint == "":
        raise UserError("docker argument `--entrypoint ''` leaves the container nothing to run")
    ports = dict(_port(text) for text in given.publish)
    env = dict(_variable(text, look_up) for text in [*_from_files(given.env_file), *given.env])
    return replace(
        spec,
        env={**spec.env, **env},
        ports={**spec.ports, **ports},
        name=given.name or spec.name,
        working_dir=given.workdir or spec.working_dir,
        entrypoint=(given.entrypoint,) if given.entrypoint else spec.entrypoint,
        labels={**spec.labels, **dict(_pair(text) for text in given.label)},
        sandbox=_sandbox(spec.sandbox, given, publishes=bool(ports)),
    )


def _parser() -> _Parser:
    parser = _Parser(prog="docker", add_help=False, allow_abbrev=False)
    for names in (
        ("-e", "--env"),
        ("--env-file",),
        ("-p", "--publish"),
        ("-l", "--label"),
        ("-v", "--volume"),
        ("--tmpfs",),
        ("--cap-add",),
        ("--device",),
    ):
        parser.add_argument(*names, action="append", default=[])
    for names in (
        ("-w", "--workdir"),
        ("--entrypoint",),
        ("-m", "--memory"),
        ("--cpus",),
        ("--pids-limit",),
        ("--shm-size",),
        ("--network", "--net"),
        ("-u", "--user"),
        ("--gpus",),
        ("--runtime",),
        ("--name",),
    ):
        parser.add_argument(*names)
    parser.add_argument("--read-only", action="store_true")
    return parser


def _sandbox(sandbox: Sandbox, given: argparse.Namespace, *, publishes: bool) -> Sandbox:
    network = given.network or ("internet" if publishes and sandbox.network == "none" else None)
    if network is not None and network not in _NETWORKS:
        raise UserError(f"docker argument `--network {network}` is not supported")
    changes: dict[str, Any] = {
        "memory": given.memory,
        "cpus": given.cpus,
        "pids": given.pids_limit,
        "shm": given.shm_size,
        "network": _NETWORKS[network] if network else None,
        "user": given.user,
        "gpus": _gpus(given.gpus),
        "runtime": given.runtime,
        "read_only": given.read_only or None,
        "tmpfs": {**sandbox.tmpfs, **dict(_tmpfs(text) for text in given.tmpfs)},
        "mounts": (*sandbox.mounts, *(_mount(text) for text in given.volume)),
        "capabilities": (*sandbox.capabilities, *given.cap_add),
        "devices": (*sandbox.devices, *(text.removeprefix("/dev/") for text in given.device)),
    }
    wanted = {name: value for name, value in changes.items() if value is not None}
    try:
        return Sandbox.model_validate({**sandbox.model_dump(), **wanted})
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0])
        raise UserError(f"docker argument for `{where}`: {first['msg']}") from error


def _from_files(paths: Sequence[str]) -> list[str]:
    try:
        lines = [line for path in paths for line in Path(path).read_text("utf-8").splitlines()]
    except OSError as error:
        raise UserError(f"docker argument `--env-file`: {error}") from error
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _variable(text: str, look_up: Lookup) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    found = value if equals else look_up(name)
    if found is None:
        raise UserError(f"variable `{name}` has no value here", hint=f"-e {name}=VALUE")
    return name, found


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _port(text: str) -> tuple[int, int]:
    """Port inside and on the host, of `8000`, `8080:8000` or `127.0.0.1:8080:8000`."""
    *outside, inside = text.removesuffix("/tcp").split(":")
    if len(outside) == 2 and outside[0] not in {"127.0.0.1", "localhost"}:
        raise UserError(f"port {text!r} would be open to others: only 127.0.0.1 is published")
    try:
        return int(inside), int(outside[-1] or 0) if outside else 0
    except ValueError:
        raise UserError(f"{text!r} is not a port such as `8080:8000`") from None


def _tmpfs(text: str) -> tuple[str, str]:
    path, _, options = text.partition(":")
    sizes = [option[5:] for option in options.split(",") if option.startswith("size=")]
    return path, sizes[0] if sizes else "64m"


def _mount(text: str) -> Mount:
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not target:
        raise UserError(f"volume {text!r} is not of the form `folder:/path` or `folder:/path:ro`")
    return Mount(source=source, target=target, writable="ro" not in mode.split(","))


def _gpus(text: str | None) -> str | int | tuple[str, ...] | None:
    if text is None or text == "all":
        return text
    if text.isdigit():
        return int(text)
    return tuple(text.strip('"').removeprefix("device=").split(","))

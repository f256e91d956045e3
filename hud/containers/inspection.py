"""From the engine's descriptions to our values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from hud.containers.contract import EngineInfo, Event, Image, Resource, State


def state_from(details: Mapping[str, Any]) -> State:
    """A container's state out of the engine's description of it."""
    state = details["State"]
    ended = state["Status"] in {"exited", "dead"}
    return State(
        status=state["Status"],
        exit_code=state["ExitCode"] if ended else None,
        oom_killed=bool(state["OOMKilled"]),
        error=state.get("Error", "").strip(),
        memory=details["HostConfig"].get("Memory", 0),
    )


def info_from(version: Mapping[str, Any], details: Mapping[str, Any], host: str) -> EngineInfo:
    """The engine out of its `version` and `info`."""
    components = {part["Name"]: part["Version"] for part in version.get("Components") or []}
    security = details.get("SecurityOptions") or []
    return EngineInfo(
        version=version["Version"],
        api_version=version["ApiVersion"],
        host=host,
        runtimes=tuple(sorted(details.get("Runtimes") or {})),
        runc=components.get("runc", ""),
        cpus=details.get("NCPU", 0),
        memory=details.get("MemTotal", 0),
        rootless=any("rootless" in option for option in security),
        seccomp=any("seccomp" in option for option in security),
        live_restore=bool(details.get("LiveRestoreEnabled")),
    )


def image_from(details: Mapping[str, Any]) -> Image:
    """An image out of the engine's description of it."""
    config = details.get("Config") or {}
    pairs = (entry.partition("=") for entry in config.get("Env") or [])
    ports = (port.partition("/") for port in config.get("ExposedPorts") or {})
    return Image(
        id=details["Id"],
        tags=tuple(details.get("RepoTags") or ()),
        labels=config.get("Labels") or {},
        command=tuple(config.get("Cmd") or ()),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        ports=tuple(sorted(int(number) for number, _, kind in ports if kind == "tcp")),
        user=config.get("User") or "",
        variables={name: value for name, _, value in pairs},
        size=details.get("Size", 0),
        platform=_platform(details),
    )


def _platform(details: Mapping[str, Any]) -> str:
    parts = (details.get(key) for key in ("Os", "Architecture", "Variant"))
    return "/".join(part for part in parts if part)


def resource_from(
    kind: Literal["container", "network", "volume"], details: Mapping[str, Any]
) -> Resource:
    """One of our things out of the engine's list of them."""
    names = details.get("Names") or [details.get("Name", "")]
    created = details.get("Created") or details.get("CreatedAt") or 0
    return Resource(
        kind=kind,
        id=details.get("Id") or details["Name"],
        name=names[0].removeprefix("/"),
        labels=details.get("Labels") or {},
        image=details.get("Image", ""),
        status=details.get("State", ""),
        created=float(created) if isinstance(created, int) else unix_time(created),
    )


def event_from(message: Mapping[str, Any]) -> Event:
    """An event out of the engine's message."""
    attributes = message["Actor"]["Attributes"]
    code = attributes.get("exitCode")
    return Event(
        container=message["Actor"]["ID"],
        name=attributes.get("name", ""),
        action=message["Action"],
        time=message["timeNano"] / 1e9,
        exit_code=int(code) if code is not None else None,
    )


def unix_time(text: str) -> float:
    """Unix time of the engine's timestamps, which have nanoseconds."""
    whole, _, fraction = text.partition(".")
    zone = next(
        (fraction[place:] for place in range(len(fraction)) if fraction[place] in "Z+-"), ""
    )
    return datetime.fromisoformat(whole + zone if fraction else whole).timestamp()

"""What the engine refuses, told apart where a caller would act differently, each with what to do
about it.
"""

from __future__ import annotations

import re

from hud.errors import DockerFailure


class EngineUnavailable(DockerFailure):
    """No engine answers, or it went away."""


class NotFound(DockerFailure):
    """The engine has no such container, image or network."""


class Conflict(DockerFailure):
    """The name is in use, or the thing is in a state that does not allow it."""


_KINDS = {404: NotFound, 409: Conflict}

_HINTS = [
    (r"No such image: (\S+)", "build it with `hud build`, or fetch it with `docker pull {0}`"),
    (r"address pools have been fully subnetted", "remove unused networks: docker network prune"),
    (
        r"port is already allocated|address already in use",
        "choose another port, or 0 for any free one; or run one at a time: --max-concurrent 1",
    ),
    (r"no space left on device", "free space: docker system df, docker system prune"),
    (
        r"[Uu]nknown runtime|unknown or invalid runtime",
        "docker info lists the runtimes that this engine has",
    ),
    (r"could not select device driver", "the engine needs NVIDIA's container toolkit for `gpus`"),
    (r"Range of CPUs is from \S+ to (\S+),", "set `cpus` in [tool.hud] to {0} or less"),
    (
        r"no such file or directory.*device|gathering device information",
        "this host has no such device",
    ),
    (r"exec: \"([^\"]+)\".*not found", "correct CMD or ENTRYPOINT: the image has no `{0}`"),
]


def refusal(what: str, status: int | None, text: str) -> DockerFailure:
    """The engine's answer as a failure: `what` we wanted, the HTTP status, and the engine's own
    words.
    """
    line = " ".join(text.split())[:500]
    kind = _KINDS.get(status or 0, DockerFailure)
    return kind(f"{what}: {line}" if line else what, hint=hint_for(text))


def hint_for(text: str) -> str | None:
    """The next command for something that the engine says."""
    for pattern, hint in _HINTS:
        if match := re.search(pattern, text):
            return hint.format(*match.groups())
    return None


def unavailable(host: str, reason: str) -> EngineUnavailable:
    """Nothing answers at `host`."""
    if "ermission denied" in reason:
        return EngineUnavailable(
            f"this user may not use the container engine at {host}",
            hint="add the user to the group `docker`, or set DOCKER_HOST to an engine of your own",
        )
    hint = "start Docker (docker info shows whether it runs), or set DOCKER_HOST"
    if host.startswith("ssh://"):
        hint = f"see what SSH says: docker --host {host} version"
    return EngineUnavailable(f"no container engine answers at {host}: {reason}", hint=hint)

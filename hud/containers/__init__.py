"""Containers: images are built, run, connected to and removed here, and nowhere else.

`Engine` is a real engine, `FakeContainers` one in memory; both keep the contract `Containers`.
"""

from hud.containers.contract import (
    BuildEvent,
    BuildRequest,
    BuildResult,
    Container,
    Containers,
    EngineInfo,
    Event,
    ExecResult,
    Image,
    Resource,
    State,
    Stdio,
)
from hud.containers.engine import Engine
from hud.containers.failures import Conflict, EngineUnavailable, NotFound
from hud.containers.fake import FakeContainers
from hud.containers.images.log import BuildFailure
from hud.containers.spec import ContainerSpec, Mount, Sandbox, sandbox_of

__all__ = [
    "BuildEvent",
    "BuildFailure",
    "BuildRequest",
    "BuildResult",
    "Conflict",
    "Container",
    "ContainerSpec",
    "Containers",
    "Engine",
    "EngineInfo",
    "EngineUnavailable",
    "Event",
    "ExecResult",
    "FakeContainers",
    "Image",
    "Mount",
    "NotFound",
    "Resource",
    "Sandbox",
    "State",
    "Stdio",
    "sandbox_of",
]

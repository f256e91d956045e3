"""The controller's HTTP API as Python methods. Nothing is connected before the first call."""

from hud.client.client import Client
from hud.client.connection import ControllerFailure, Refused

__all__ = ["Client", "ControllerFailure", "Refused"]

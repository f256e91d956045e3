"""Evaluations that run in the controller."""

from controller.evaluations.runtimes import EnvironmentDoor
from controller.evaluations.service import Evaluations

__all__ = ["EnvironmentDoor", "Evaluations"]

"""A real controller for what speaks to one."""

from __future__ import annotations

from tests.controller.conftest import client, controller

__all__ = ["client", "controller"]

"""Conversations: a chat over a scenario, and serving it to other agents by A2A."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hud.services.chat import Chat
    from hud.services.chat_service import ChatService

__all__ = ["Chat", "ChatService"]

MODULES = {"Chat": "chat", "ChatService": "chat_service"}


def __getattr__(name: str) -> object:
    if name not in MODULES:
        raise AttributeError(f"module `hud.services` has no attribute `{name}`")
    return getattr(importlib.import_module(f"hud.services.{MODULES[name]}"), name)

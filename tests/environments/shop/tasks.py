"""The taskset; importing it needs what only the image has."""

from __future__ import annotations

from env import checkout  # type: ignore[attr-defined]
from hud.types import MCPToolCall

buy_a_laptop = checkout.task(product="laptop")
buy_a_laptop.slug = "buy-a-laptop-again"
buy_a_laptop.validation = [
    MCPToolCall(name="order", arguments={"product": "laptop"}),
    MCPToolCall(name="submit", arguments={"answer": "1"}),
]

"""v4 tasks for the server in `shop.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

SHOP = Path(__file__).with_name("shop.py")


def shop_config(key: str = "${SHOP_KEY:none}", *options: str) -> dict[str, Any]:
    """The MCP configuration of one shop, started with a variable and command line options."""
    args = ["-S", str(SHOP)] if not options else [str(SHOP), *options]
    return {"shop": {"command": sys.executable, "args": args, "env": {"SHOP_KEY": key}}}


def shop_task(**changes: Any) -> dict[str, Any]:
    """A v4 task: the agent is to put a laptop in the cart."""
    task = {
        "prompt": "Add a laptop to the cart.",
        "mcp_config": shop_config(),
        "setup_tool": {"name": "navigate", "arguments": {"url": "https://shop.example"}},
        "evaluate_tool": {"name": "check_cart", "arguments": {}},
    }
    return {**task, **changes}

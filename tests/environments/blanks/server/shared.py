"""What the hubs act on."""

from __future__ import annotations

from typing import Any

board: Any = None

"""Claude's own tools: their definitions. Their calls are `tool_use` blocks as any other."""

from __future__ import annotations

from typing import Any

from hud.formats.native import NativeTool

FIELDS = {
    "display_width": "display_width_px",
    "display_height": "display_height_px",
}
"""What Claude calls some fields of a spec."""


def tool(native: NativeTool) -> dict[str, Any]:
    """The definition for the `tools` of a request."""
    extra = {FIELDS.get(name, name): value for name, value in native.spec.extra.items()}
    return {"type": native.spec.api_type, "name": native.api_name, **extra}

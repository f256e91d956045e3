"""How the gateway says no: in the shape in which clients of model providers read errors."""

from __future__ import annotations

from typing import Any

PREFIX = "/v1/"
"""Paths below it are asked by such clients."""


def error_body(status: int, reason: str) -> dict[str, Any]:
    """An error as clients of both providers read it."""
    kind = "invalid_request_error" if status < 500 else "api_error"
    return {"type": "error", "error": {"type": kind, "message": reason, "code": status}}

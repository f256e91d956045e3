"""Wants to write where its user may not."""

from pathlib import Path

Path("/data/orders.db").write_text("")

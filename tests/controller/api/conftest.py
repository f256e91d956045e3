"""What the API is asked by tests."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the schema's requests out of the fast lane: only to make them up takes seconds."""
    is_left_out = "not slow" in config.option.markexpr
    return True if is_left_out and collection_path.name == "test_schema.py" else None

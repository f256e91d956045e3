"""What the controller keeps: the only package that speaks SQL."""

from __future__ import annotations

from controller.store.database import StoreFailure
from controller.store.store import Store

__all__ = ["Store", "StoreFailure"]

"""The path under which published code asks about v4 tasks; `hud.environment.legacy` owns them."""

from hud.environment.legacy import is_v4 as is_v4_format
from hud.environment.legacy.published import build_env_from_v4, validate_v4_task

__all__ = ["build_env_from_v4", "is_v4_format", "validate_v4_task"]

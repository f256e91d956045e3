"""The path under which v4 environments share a context; `hud.environment.legacy.shared` owns it."""

from hud.environment.legacy.shared import attach_context, run_context_server, serve_context

__all__ = ["attach_context", "run_context_server", "serve_context"]

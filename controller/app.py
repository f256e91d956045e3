"""The HTTP API as one ASGI application."""

from __future__ import annotations

from fastapi import FastAPI

from controller.api import health
from controller.platform import Platform
from controller.security.guard import Guard
from controller.security.problems import add_problems
from hud import __version__
from hud.wire.platform import API_PREFIX

ROUTERS = (health.router,)


def create_app(platform: Platform) -> FastAPI:
    """The API of a platform. It needs no lifespan: whoever opened the platform closes it."""
    app = FastAPI(
        title="hud-local",
        version=__version__,
        openapi_url=f"{API_PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.platform = platform
    for router in ROUTERS:
        app.include_router(router, prefix=API_PREFIX)
    add_problems(app)
    app.add_middleware(Guard, token=platform.token, hosts=platform.settings.hosts)
    return app

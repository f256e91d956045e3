"""The HTTP API as one ASGI application."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from controller.api import (
    debug_runs,
    deployments,
    environments,
    events,
    health,
    jobs,
    model_gateway,
    rollouts,
    secrets,
    tasksets,
)
from controller.platform import Platform
from controller.security.guard import Guard
from controller.security.problems import MEDIA_TYPE, add_problems
from hud import __version__
from hud.wire.platform import API_PREFIX

ROUTERS = (
    health.router,
    environments.router,
    deployments.router,
    debug_runs.router,
    tasksets.router,
    jobs.router,
    rollouts.router,
    events.router,
    secrets.router,
)
DESCRIPTION = """\
The controller of hud-local. Every path but `/api/v1/health` asks for the bearer token that
`hud token` shows; every error is a problem (RFC 9457) with a `hint`. `hud.client.Client` has a
method for each.
"""
PROBLEM = {
    "description": "Why it was refused or failed, and what to do.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class Api(FastAPI):
    """An application whose schema says that every error is a problem."""

    def openapi(self) -> dict[str, Any]:
        """The schema, made when it is first asked for."""
        if self.openapi_schema is None:
            schema = super().openapi()
            for path in schema["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
                    operation["responses"]["default"] = PROBLEM
            for replaced in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(replaced, None)
            self.openapi_schema = schema
        return self.openapi_schema


def create_app(platform: Platform) -> FastAPI:
    """The API of a platform. It needs no lifespan: whoever opened the platform closes it."""
    app = Api(
        title="hud-local",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=f"{API_PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name,
    )
    app.state.platform = platform
    app.state.event_streams = events.OpenStreams()
    bearer = Security(HTTPBearer(auto_error=False, description="`hud token` shows it"))
    app.include_router(health.open_router, prefix=API_PREFIX)
    for router in ROUTERS:
        app.include_router(router, prefix=API_PREFIX, dependencies=[bearer])
    app.include_router(model_gateway.router)
    add_problems(app)
    app.add_middleware(Guard, token=platform.token, hosts=platform.settings.hosts)
    return app


def _name(route: APIRoute) -> str:
    """The name of an operation: that of its function."""
    return route.name

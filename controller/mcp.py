"""The MCP port: `/<environment>/mcp`, `/mcp` for the chosen or only one, and for fresh instances of
registered ones `/hub/<organisation>/<name>/mcp`; what is served says `/status`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from controller.deployments import Deployments
from controller.errors import NotFound
from controller.sessions import Serving
from controller.workspace import Workspace
from hud.dev.gateway import Limits
from hud.dev.gateway.security import Guard
from hud.errors import HudError, did_you_mean

if TYPE_CHECKING:
    from controller.platform import Platform

OWN = frozenset({"mcp", "status", "health", "ready"})
"""What each environment answers below its name."""
CHOOSE = "choose one in the dashboard, or connect to /<environment>/mcp"


def create_mcp_app(platform: Platform) -> ASGIApp:
    """What listens at the MCP port."""
    door = Entrance(platform.workspace, platform.deployments)
    return Guard(door, Limits(), platform.settings.hosts)


class Entrance:
    """Leads each request to the environment that its path names."""

    def __init__(self, workspace: Workspace, deployments: Deployments) -> None:
        self._workspace = workspace
        self._deployments = deployments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        parts = [unquote(part) for part in scope["path"].split("/")[1:]]
        try:
            await self._lead(parts, scope, receive, send)
        except HudError as exc:
            await _refusal(exc)(scope, receive, send)

    async def _lead(self, parts: list[str], scope: Scope, receive: Receive, send: Send) -> None:
        match parts:
            case ["health"]:
                await JSONResponse({"status": "ok"})(scope, receive, send)
            case ["status"]:
                await JSONResponse(await self._status())(scope, receive, send)
            case ["mcp" | "ready" as last]:
                await _pass_on(self._chosen(), last, scope, receive, send)
            case ["hub", organisation, name]:
                record = await self._deployments.resolve(f"{organisation}/{name}")
                about = {"name": record.name, "environment": record.environment}
                await JSONResponse(about)(scope, receive, send)
            case ["hub", organisation, name, "mcp"]:
                place = await self._deployments.place(f"{organisation}/{name}")
                await self._deployments.hub.serve(place, scope, receive, send)
            case [name, last] if last in OWN:
                await _pass_on(self._named(name), last, scope, receive, send)
            case _:
                raise NotFound(f"there is nothing at `{scope['path']}`", hint=CHOOSE)

    def _chosen(self) -> Serving:
        chosen = self._workspace.chosen()
        if chosen is not None:
            return chosen
        names = ", ".join(f"`{serving.found.name}`" for serving in self._workspace.served())
        if not names:
            raise NotFound("the workspace holds no environment", hint="hud init my-env")
        raise NotFound(f"there are several environments: {names}", hint=CHOOSE)

    def _named(self, name: str) -> Serving:
        serving = self._workspace.serving(name)
        if serving is None:
            known = [serving.found.name for serving in self._workspace.served()]
            raise NotFound(f"there is no environment `{name}`", hint=did_you_mean(name, known))
        return serving

    async def _status(self) -> dict[str, Any]:
        records = await self._workspace.list()
        listed = [record.model_dump(mode="json") for record in records]
        return {"environments": listed, "hub_sessions": self._deployments.hub.sessions()}


async def _pass_on(serving: Serving, last: str, scope: Scope, receive: Receive, send: Send) -> None:
    path = f"/{last}"
    inner = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
    await serving.gateway.app(inner, receive, send)


def _refusal(exc: HudError) -> JSONResponse:
    """A refusal that MCP clients and people can read."""
    message = f"{exc.message} ({exc.hint})" if exc.hint else exc.message
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": message}}
    about = {"title": exc.message, "hint": exc.hint}
    return JSONResponse({**body, **about}, 404 if isinstance(exc, NotFound) else 503)

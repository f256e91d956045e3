"""Deployments and builds."""

from __future__ import annotations

import uuid
from pathlib import Path

import anyio
from fastapi import Request

from controller.api.services import (
    After,
    Limit,
    Name,
    Offset,
    Pairs,
    PlatformDep,
    Text,
    pairs,
    resource,
)
from hud.wire.platform import BuildRecord, DeployOptions, LogPage, Page

router = resource("builds")
ARCHIVE = {
    "requestBody": {
        "required": True,
        "content": {"application/gzip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/deployments", status_code=202, openapi_extra=ARCHIVE)
async def deploy(
    platform: PlatformDep,
    request: Request,
    name: Text = None,
    no_cache: bool = False,
    build_arg: Pairs = [],  # noqa: B006 - FastAPI copies it
    secret: Pairs = [],  # noqa: B006 - as above
) -> BuildRecord:
    """Build the folder in a gzipped tar archive and register it as an environment's new version.

    `build_arg` are the Dockerfile's `K=V`; `secret` are `ID=NAME`: the stored secret for
    `RUN --mount=type=secret,id=ID`.
    """
    options = DeployOptions(
        name=name, build_args=pairs(build_arg), secrets=pairs(secret), no_cache=no_cache
    )
    archive = await _received(request, platform.settings.data_dir / "uploads")
    return await platform.deployments.deploy(name, archive, "deploy", options)


@router.get("/builds")
async def list_builds(
    platform: PlatformDep,
    environment: Text = None,
    offset: Offset = 0,
    limit: Limit = 50,
) -> Page[BuildRecord]:
    """Builds of one environment or of all, the newest first."""
    return await platform.store.builds(environment=environment, offset=offset, limit=limit)


@router.get("/builds/{build}")
async def get_build(platform: PlatformDep, build: Name) -> BuildRecord:
    """One build."""
    return await platform.store.build(build)


@router.get("/builds/{build}/log")
async def get_build_log(platform: PlatformDep, build: Name, after: After = 0) -> LogPage:
    """What a build printed."""
    return await platform.workspace.build_log(build, after)


async def _received(request: Request, folder: Path) -> Path:
    """The request's body as a file, which the caller removes."""
    await anyio.Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.tar.gz"
    try:
        async with await anyio.open_file(path, "wb") as file:
            async for chunk in request.stream():
                await file.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path

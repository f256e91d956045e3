"""All services of the controller, made once and closed together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from controller.builds import Builds
from controller.debugging import Debugging
from controller.deployments import Deployments
from controller.evaluations import Evaluations
from controller.model_gateway.gateway import ModelGateway
from controller.retention import retention
from controller.secrets import Secrets
from controller.security.token import find_token
from controller.settings import ControllerSettings
from controller.store import Store
from controller.welcome import furnish, greet
from controller.workspace import Workspace
from hud.eval.gateway import GatewayPlace

PRIVATE = ("builds", "containers", "jobs", "models", "sessions")
"""Folders of the data folder that authors' code, run as another user, has no business in."""


@dataclass(frozen=True)
class Platform:
    """What the HTTP API speaks to: one field for each service."""

    settings: ControllerSettings
    token: str
    store: Store
    secrets: Secrets
    builds: Builds
    workspace: Workspace
    deployments: Deployments
    debugging: Debugging
    models: ModelGateway
    evaluations: Evaluations
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is about to end: open streams end then."""

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: ControllerSettings) -> AsyncIterator[Platform]:
        """Start every service; leaving the block ends them in the opposite order.

        Raises:
            UserError: the database or a folder cannot be used.
        """
        token = find_token(settings)
        data = settings.data_dir
        _close_folders(data)
        async with AsyncExitStack() as stack:
            store = await Store.open(settings.database_url)
            stack.push_async_callback(store.aclose)
            is_first_start = await furnish(settings.workspace, store)
            secrets = await stack.enter_async_context(Secrets(store, data))
            builds = Builds(store, secrets, data / "builds")
            workspace = await stack.enter_async_context(Workspace(settings, store, builds, secrets))
            deployments = await stack.enter_async_context(Deployments(workspace))
            debugging = await stack.enter_async_context(Debugging(deployments, workspace.services))
            models = ModelGateway(data / "models", secrets)
            gateway = GatewayPlace(settings.api_url, token)
            evaluations = Evaluations(
                data / "jobs", store, deployments, gateway, cover=secrets.covered
            )
            stack.push_async_callback(evaluations.aclose)
            await evaluations.resume()
            if is_first_start:
                await greet(deployments, store, evaluations)
            forgetting = (evaluations.forget_before, models.book.forget_before)
            await stack.enter_async_context(retention(store, settings.retention_days, forgetting))
            yield cls(
                settings=settings,
                token=token,
                store=store,
                secrets=secrets,
                builds=builds,
                workspace=workspace,
                deployments=deployments,
                debugging=debugging,
                models=models,
                evaluations=evaluations,
            )


def _close_folders(data: Path) -> None:
    for name in PRIVATE:
        (data / name).mkdir(parents=True, exist_ok=True)
        (data / name).chmod(0o700)

"""Secrets: they go in, and never come out."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from controller.api.services import PlatformDep, resource
from hud.wire.platform import SecretRecord, SecretValue

router = resource("secrets")
Variable = Annotated[str, Path(max_length=200, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


@router.get("/secrets")
async def list_secrets(platform: PlatformDep) -> list[SecretRecord]:
    """The names of the stored secrets."""
    return await platform.secrets.list()


@router.put("/secrets/{name}")
async def put_secret(platform: PlatformDep, name: Variable, secret: SecretValue) -> SecretRecord:
    """Store a secret, or replace it."""
    return await platform.secrets.put(name, secret.value)


@router.delete("/secrets/{name}", status_code=204)
async def remove_secret(platform: PlatformDep, name: Variable) -> None:
    """Forget a secret."""
    await platform.secrets.remove(name)

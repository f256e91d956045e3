"""`hud models`: which model providers can be asked, and which models they have."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hud.agents.catalog import AGENTS
from hud.cli import console
from hud.client import Client
from hud.errors import ControllerUnavailable
from hud.settings import controller_token, get_settings
from hud.wire.models import ProviderModels


def models(
    local: Annotated[
        bool, typer.Option("--local", help="Of this folder's settings, without the controller.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """List the providers that have a key, and their models, as the controller's gateway has them.

    Without a controller, the providers whose key is set here.
    """
    found = of_settings() if local or controller_token() is None else _of_controller()
    if as_json:
        console.data(json.dumps([item.model_dump(mode="json") for item in found], indent=2))
        return 0
    for item in found:
        console.plain(f"{item.name:<12} {_state(item)}")
        for model in item.models:
            console.plain(f"  {model}")
    return 0


def _of_controller() -> list[ProviderModels]:
    try:
        with Client() as client:
            return client.models()
    except ControllerUnavailable as exc:
        console.note(f"{exc.message}: these are the settings of this folder")
        return of_settings()


def of_settings() -> list[ProviderModels]:
    """The providers of the agents, as this process's settings have them."""
    settings = get_settings()
    providers = {
        entry.provider.name: entry.provider
        for entry in AGENTS.values()
        if entry.provider is not None and not entry.provider.open
    }
    return [
        ProviderModels(
            name=provider.name,
            configured=provider.key(settings) is not None,
            base_url=provider.url(settings),
            variable=provider.key_variable,
        )
        for provider in providers.values()
    ]


def _state(item: ProviderModels) -> str:
    where = f" at {item.base_url}" if item.base_url else ""
    if not item.configured:
        return f"– {item.variable} is not set"
    if item.error:
        return f"✗ {item.error}{where}"
    return f"✓ {item.variable}{where}"

"""The gateway at a port of its own, with a fake provider behind it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn
from fastapi import FastAPI

from controller.api.model_gateway import router
from controller.model_gateway import ModelGateway
from tests import fake_provider

TOKEN = "the-controllers-token"


@dataclass
class Secrets:
    """Secrets that are in memory."""

    known: dict[str, str] = field(default_factory=dict)

    def given(self, names: Iterable[str]) -> Mapping[str, str]:
        return {name: self.known[name] for name in names if name in self.known}


@dataclass(frozen=True)
class Served:
    """A gateway that serves."""

    url: str
    gateway: ModelGateway
    secrets: Secrets
    folder: Path


@contextlib.contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The app at a free port, in a thread."""
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="session")
def provider_process() -> Iterator[fake_provider.Running]:
    with fake_provider.running() as process:
        yield process


@pytest.fixture
def provider(provider_process: fake_provider.Running) -> fake_provider.Running:
    provider_process.control(reset=True, default=fake_provider.DEFAULT)
    return provider_process


@pytest.fixture
def served(provider: fake_provider.Running, tmp_path: Path) -> Iterator[Served]:
    """A gateway with keys for OpenAI and Anthropic; both are the fake provider."""
    secrets = Secrets(
        {
            "OPENAI_API_KEY": "openai-key",
            "OPENAI_BASE_URL": provider.openai_url,
            "ANTHROPIC_API_KEY": "anthropic-key",
            "ANTHROPIC_BASE_URL": provider.url,
        }
    )
    gateway = ModelGateway(tmp_path / "gateway", secrets)
    app = FastAPI()
    app.state.platform = SimpleNamespace(models=gateway)
    app.include_router(router)
    with serving(app) as url:
        yield Served(url, gateway, secrets, tmp_path / "gateway")

"""One provider process for all tests of agents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import fake_provider


@pytest.fixture(scope="session")
def provider_process() -> Iterator[fake_provider.Running]:
    with fake_provider.running() as process:
        yield process


@pytest.fixture
def provider(provider_process: fake_provider.Running) -> fake_provider.Running:
    """The provider, with nothing counted yet."""
    provider_process.control(reset=True, default=fake_provider.DEFAULT)
    return provider_process

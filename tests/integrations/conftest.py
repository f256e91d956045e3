"""A provider that the SDKs and frameworks talk to over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fake_provider import Running, running
from tests.integrations.paintbox import Paintbox


@pytest.fixture(scope="session")
def served() -> Iterator[Running]:
    with running() as provider:
        yield provider


@pytest.fixture
def provider(served: Running) -> Running:
    """The provider, with nothing recorded yet."""
    served.control(reset=True)
    return served


@pytest.fixture
def box() -> Paintbox:
    return Paintbox()

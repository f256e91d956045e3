"""Settings: secrets go in and never come out; providers, data, versions, doctor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from hud import __version__
from hud.client import Client
from tests.dashboard.pages import Pages, texts


@pytest.fixture(autouse=True)
def _no_secrets(client: Client) -> Iterator[None]:
    """Other tests share the controller, which would ask a provider that there is a key for."""
    yield
    for record in client.secrets():
        client.remove_secret(record.name)


def _save(page: AppTest, name: str, value: str) -> AppTest:
    name_field, value_field = page.text_input
    name_field.input(name)
    value_field.input(value)
    next(button for button in page.button if button.label == "Save").click()
    return page.run()


def test_a_secret_is_stored_and_its_value_never_shown(pages: Pages, client: Client) -> None:
    page = _save(pages.open("settings"), "OPENAI_API_KEY", "sk-hidden-value")
    assert "OPENAI_API_KEY" in {item.name for item in client.secrets()}
    again = pages.open("settings")
    for shown in (page, again):
        assert "OPENAI_API_KEY" in texts(shown)
        assert "sk-hidden-value" not in f"{shown.main}"


def test_a_provider_with_a_key_is_ready(pages: Pages, client: Client) -> None:
    client.set_secret("ANTHROPIC_API_KEY", "x")
    assert "ready" in texts(pages.open("settings"))


def test_a_secret_is_forgotten_after_a_confirmation(pages: Pages, client: Client) -> None:
    client.set_secret("GONE_SOON", "x")
    pages.open("settings").button(key="forget-GONE_SOON").click().run()
    assert "GONE_SOON" not in {item.name for item in client.secrets()}


def test_a_name_that_is_none_is_refused(pages: Pages) -> None:
    assert "→" in texts(_save(pages.open("settings"), "not a name!", "x"))


def test_doctor_data_and_versions_are_shown(pages: Pages) -> None:
    said = texts(pages.open("settings"))
    for text in ("**engine** no container engine answers", "in sqlite", __version__, "are kept"):
        assert text in said

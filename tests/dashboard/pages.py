"""Pages of the dashboard as tests drive them, and waiting for what they show."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.testing.v1 import AppTest

from hud.client import Client
from tests.command import ROOT

PAGE_SECONDS = 30.0
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Pages:
    """Opens pages that speak to one controller."""

    app: str = str(ROOT / "dashboard/streamlit_app.py")

    def open(self, name: str, **query: str | list[str]) -> AppTest:
        """A page, as its URL with these parameters shows it; it had no error."""
        page = AppTest.from_file(self.app, default_timeout=PAGE_SECONDS)
        page._bidi_component_manager = _components()
        for key, value in query.items():
            page.query_params[key] = value
        page.switch_page(f"app_pages/{name}.py")
        page.run()
        assert not page.exception, page.exception
        return page


@functools.cache
def _components() -> BidiComponentManager:
    """What Streamlit would look for anew in every installed package, for every page."""
    found = BidiComponentManager()
    found.discover_and_register_components(start_file_watching=False)
    return found


def texts(page: AppTest) -> str:
    """Everything that a page says, as its Markdown has it, less what escapes signs."""
    kinds = ("subheader", "markdown", "caption", "code", "error", "text", "metric")
    said = [str(item.value) for kind in kinds for item in page.get(kind) if hasattr(item, "value")]
    return "\n".join(said).replace("\\", "")


def press(page: AppTest, label: str) -> AppTest:
    """The page after that button was pressed."""
    next(button for button in page.button if button.label == label).click()
    page.run()
    assert not page.exception, page.exception
    return page


def wait_until(what: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Wait until that is so.

    Raises:
        AssertionError: it took too long.
    """
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def wait_until_state(client: Client, state: str, *names: str) -> None:
    """Wait until these environments are in that state."""
    wait_until(lambda: all(client.environment(name).state == state for name in names))

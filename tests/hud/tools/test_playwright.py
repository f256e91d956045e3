"""The browser tool, on a page that keeps what it is told."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest

from hud.tools import PlaywrightTool
from tests.hud.tools.calling import call, failure, images, text

pytestmark = pytest.mark.anyio


class Page:
    """As much of a page of Playwright's as the tool uses."""

    def __init__(self) -> None:
        self.url = "about:blank"
        self.told: list[tuple[Any, ...]] = []

    async def goto(self, url: str, wait_until: str) -> None:
        if url == "nowhere":
            raise RuntimeError("net::ERR\nCall log: ...")
        self.url = url
        self.told.append(("goto", url, wait_until))

    async def title(self) -> str:
        return f"title of {self.url}"

    async def screenshot(self, full_page: bool) -> bytes:
        return b"\x89PNG"

    async def click(self, selector: str, button: str, click_count: int) -> None:
        self.told.append(("click", selector, button, click_count))

    async def fill(self, selector: str, text: str) -> None:
        self.told.append(("fill", selector, text))

    async def wait_for_load_state(self, state: str) -> None:
        self.told.append(("wait", state))

    async def wait_for_selector(self, selector: str, timeout: float) -> None:
        self.told.append(("wait", selector))


async def test_a_page_is_opened_and_told_about() -> None:
    page = Page()
    told = json.loads(await text(PlaywrightTool(page), action="navigate", url="http://x"))
    assert told == {"success": True, "url": "http://x", "title": "title of http://x"}
    assert page.told == [("goto", "http://x", "networkidle")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"action": "click", "selector": "a"}, [("click", "a", "left", 1), ("wait", "load")]),
        ({"action": "type", "selector": "a", "text": "t"}, [("fill", "a", "t")]),
        ({"action": "wait_for_element", "selector": "a"}, [("wait", "a")]),
    ],
)
async def test_elements_are_used(arguments: dict[str, str], told: list[tuple[Any, ...]]) -> None:
    page = Page()
    assert json.loads(await text(PlaywrightTool(page), **arguments))["success"]
    assert page.told == told


async def test_the_page_is_shown() -> None:
    (shown,) = images(await call(PlaywrightTool(Page()), action="screenshot"))
    assert shown.mime_type == "image/png"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"action": "fly"}, "unknown action 'fly'"),
        ({"action": "click"}, "`click` needs `selector`"),
        ({"action": "navigate"}, "`navigate` needs `url`"),
        ({"action": "navigate", "url": "nowhere"}, "cannot go to nowhere: net::ERR"),
    ],
)
async def test_a_call_that_fails_says_why(arguments: dict[str, str], reason: str) -> None:
    told = await failure(PlaywrightTool(Page()), **arguments)
    assert reason in told
    assert "Call log" not in told


async def test_the_page_can_be_replaced_and_closing_leaves_what_was_given() -> None:
    tool = PlaywrightTool(cdp_url="http://127.0.0.1:9")
    page = tool.page = Page()
    await tool.close()
    assert tool.page is page


@pytest.mark.skipif(
    importlib.util.find_spec("playwright") is not None, reason="playwright is installed"
)
async def test_without_the_package_the_tool_says_what_to_install() -> None:
    told = await failure(PlaywrightTool(), action="get_page_info")
    assert "pip install 'hud-local[playwright]'" in told

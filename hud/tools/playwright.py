"""A browser, by the package `playwright` (an extra): pages by address and CSS selector."""

from __future__ import annotations

import base64
import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import mcp_types

from hud.errors import ToolError, UserError
from hud.tools.tool import BaseTool
from hud.tools.types import ContentResult

LoadState = Literal["commit", "domcontentloaded", "load", "networkidle"]
Button = Literal["left", "right", "middle"]

WAIT_MS = 30_000.0


class PlaywrightTool(BaseTool):
    """Web automation tool using Playwright"""

    name = "playwright"
    title = "Playwright Browser"

    def __init__(self, page: Any = None, cdp_url: str | None = None, **described: Any) -> None:
        """Make the tool for a page of Playwright's, a browser with remote debugging, or its own.

        Its own browser starts with the first action. `described`: name, title, description, meta.
        """
        super().__init__(env=page, **described)
        self._cdp_url = cdp_url
        self._playwright: Any = None
        self._browser: Any = None

    @property
    def page(self) -> Any:
        """The page, once there is one."""
        return self.env

    @page.setter
    def page(self, page: Any) -> None:
        self.env = page

    async def __call__(
        self,
        action: str,
        url: str | None = None,
        selector: str | None = None,
        text: str | None = None,
        wait_for_load_state: LoadState | None = None,
    ) -> list[mcp_types.ContentBlock]:
        """Do something with the page.

        Args:
            action: What to do: navigate, screenshot, click, type, get_page_info or
                wait_for_element.
            url: Address to go to.
            selector: CSS selector of the element to click, type into or wait for.
            text: Text to type.
            wait_for_load_state: What to wait for after going to an address; networkidle by default.

        Raises:
            ToolError: the action is unknown, lacks what it needs, or failed in the browser.
        """
        if action == "screenshot":
            return (await self.screenshot()).to_content_blocks()
        if action == "navigate":
            state = wait_for_load_state or "networkidle"
            told = await self.navigate(_given(url, "url", action), state)
        elif action == "click":
            told = await self.click(_given(selector, "selector", action))
        elif action == "type":
            target = _given(selector, "selector", action)
            told = await self.type_text(target, _given(text, "text", action))
        elif action == "get_page_info":
            told = await self.get_page_info()
        elif action == "wait_for_element":
            told = await self.wait_for_element(_given(selector, "selector", action))
        else:
            known = "navigate, screenshot, click, type, get_page_info, wait_for_element"
            raise ToolError(f"unknown action {action!r}; there are: {known}")
        return [mcp_types.TextContent(text=json.dumps(told, ensure_ascii=False))]

    async def navigate(
        self, url: str, wait_for_load_state: LoadState = "networkidle"
    ) -> dict[str, Any]:
        """Go to an address."""
        page = await self._ready()
        with _told(f"cannot go to {url}"):
            await page.goto(url, wait_until=wait_for_load_state)
        return await self.get_page_info()

    async def screenshot(self) -> ContentResult:
        """A picture of the visible part of the page."""
        page = await self._ready()
        with _told("cannot take a picture of the page"):
            picture: bytes = await page.screenshot(full_page=False)
        return ContentResult(base64_image=base64.b64encode(picture).decode())

    async def click(
        self,
        selector: str,
        button: Button = "left",
        count: int = 1,
        wait_for_navigation: bool = True,
    ) -> dict[str, Any]:
        """Click an element; a page that this loads is waited for."""
        page = await self._ready()
        with _told(f"cannot click {selector!r}"):
            await page.click(selector, button=button, click_count=count)
            if wait_for_navigation:
                await page.wait_for_load_state("load")
        return {"success": True, "message": f"Clicked element: {selector}"}

    async def type_text(self, selector: str, text: str) -> dict[str, Any]:
        """Replace the content of a field."""
        page = await self._ready()
        with _told(f"cannot type into {selector!r}"):
            await page.fill(selector, text)
        return {"success": True, "message": f"Typed text into: {selector}"}

    async def get_page_info(self) -> dict[str, Any]:
        """Address and title of the page."""
        page = await self._ready()
        return {"success": True, "url": page.url, "title": await page.title()}

    async def wait_for_element(self, selector: str) -> dict[str, Any]:
        """Wait until an element is there."""
        page = await self._ready()
        with _told(f"{selector!r} did not appear"):
            await page.wait_for_selector(selector, timeout=WAIT_MS)
        return {"success": True, "message": f"Element found: {selector}"}

    async def close(self) -> None:
        """Close the browser that was started or connected."""
        browser, self._browser = self._browser, None
        playwright, self._playwright = self._playwright, None
        if browser is not None:
            self.page = None
            await browser.close()
        if playwright is not None:
            await playwright.stop()

    async def _ready(self) -> Any:
        await self._ensure_browser()
        return self.page

    async def _ensure_browser(self) -> None:
        """Start or connect a browser, unless there is a page."""
        if self.page is not None:
            return
        try:
            library = importlib.import_module("playwright.async_api")
        except ModuleNotFoundError as exc:
            raise UserError(
                "PlaywrightTool needs the package `playwright`: "
                "pip install 'hud-local[playwright]', then playwright install chromium"
            ) from exc
        self._playwright = await library.async_playwright().start()
        chromium = self._playwright.chromium
        with _told("cannot reach a browser"):
            if self._cdp_url is None:
                self._browser = await chromium.launch()
            else:
                self._browser = await chromium.connect_over_cdp(self._cdp_url)
        contexts = self._browser.contexts
        context = contexts[0] if contexts else await self._browser.new_context()
        self.page = context.pages[0] if context.pages else await context.new_page()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Tell the model what failed in the browser."""
    try:
        yield
    except ToolError:
        raise
    except Exception as exc:
        first_line = str(exc).strip().partition("\n")[0]
        raise ToolError(f"{what}: {first_line or type(exc).__name__}") from exc


def _given(value: str | None, name: str, action: str) -> str:
    if value is None:
        raise ToolError(f"`{action}` needs `{name}`")
    return value

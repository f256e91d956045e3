"""The computer tool in the form of Gemini's: actions of a browser, done with mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import mcp_types

from hud.errors import ToolError
from hud.tools.computer.actions import Action, split_keys
from hud.tools.computer.hud import HudComputerTool
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs

Direction = Literal["up", "down", "left", "right"]

DIRECTIONS: dict[str, tuple[int, int]] = {
    "up": (0, -1),
    "down": (0, 1),
    "left": (-1, 0),
    "right": (1, 0),
}
FAR = 800
"""Pixels that a scroll goes where its magnitude is not said."""
SEARCH_URL = "https://www.google.com"
NATIVE = NativeToolSpec(
    api_type="computer_use",
    api_name="gemini_computer",
    role="computer",
    supported_models=("gemini-2.5-computer-use-preview-10-2025", "gemini-3-flash-preview"),
)


class GeminiComputerTool(HudComputerTool):
    """Control computer with mouse, keyboard, and screenshots"""

    name = "gemini_computer"
    title = "Gemini Computer Tool"
    prefix = "GEMINI"
    native_specs: ClassVar[NativeToolSpecs] = {
        AgentType.GEMINI: NATIVE,
        AgentType.GEMINI_CUA: NATIVE,
    }

    async def __call__(  # type: ignore[override]  # noqa: PLR0913 - the tool's own parameters
        self,
        action: str,
        x: int | None = None,
        y: int | None = None,
        text: str | None = None,
        press_enter: bool | None = None,
        clear_before_typing: bool | None = None,
        direction: Direction | None = None,
        magnitude: int | None = None,
        url: str | None = None,
        keys: list[str] | str | None = None,
        destination_x: int | None = None,
        destination_y: int | None = None,
        take_screenshot_on_click: bool = True,
    ) -> list[mcp_types.ContentBlock]:
        """Do something in the browser, or look at the screen.

        Args:
            action: What to do: open_web_browser, click_at, hover_at, type_text_at, scroll_document,
                scroll_at, wait_5_seconds, go_back, go_forward, search, navigate, key_combination or
                drag_and_drop.
            x: X coordinate, in pixels.
            y: Y coordinate, in pixels.
            text: Text to type.
            press_enter: Whether to press Enter after typing; it is pressed by default.
            clear_before_typing: Whether to clear the field before typing; it is cleared by default.
            direction: Where to scroll.
            magnitude: Pixels to scroll.
            url: Address to go to.
            keys: Keys to press together, as a list or written as ctrl+c.
            destination_x: X coordinate where a drag ends.
            destination_y: Y coordinate where a drag ends.
            take_screenshot_on_click: Whether to show the screen afterwards.

        Raises:
            ToolError: the action is unknown, or lacks what it needs.
        """
        scroll = (direction, FAR if magnitude is None else magnitude)
        typed: dict[str, Any] = {
            "press_enter": press_enter is not False,
            "clear": clear_before_typing is not False,
        }
        places: dict[str, Any] = {"at": (x, y), "to": (destination_x, destination_y)}
        places["center"] = (self.width // 2, self.height // 2)
        asked = Asked(action, text=text, url=url, keys=keys, scroll=scroll, **typed, **places)
        result = await self.act(to_actions(asked), look=take_screenshot_on_click)
        # Gemini wants to be told a page's address; a display does not know it.
        return result.model_copy(update={"url": "about:blank"}).to_content_blocks()


@dataclass(frozen=True)
class Asked:
    """A call of the tool, in Gemini's words."""

    action: str
    at: tuple[int | None, int | None] = (None, None)
    text: str | None = None
    press_enter: bool = True
    clear: bool = True
    scroll: tuple[str | None, int] = (None, FAR)
    """Direction and pixels."""
    url: str | None = None
    keys: list[str] | str | None = None
    to: tuple[int | None, int | None] = (None, None)
    center: tuple[int, int] = (0, 0)


def to_actions(asked: Asked) -> list[Action]:
    """What a call means, in the tools' own words.

    Raises:
        ToolError: the action is unknown, or lacks what it needs.
    """
    if asked.action not in TRANSLATIONS:
        raise ToolError(f"unknown action {asked.action!r}; there are: {', '.join(TRANSLATIONS)}")
    return TRANSLATIONS[asked.action](asked)


def _click(asked: Asked) -> list[Action]:
    return [Action("click", *_point(asked.at), button="left")]


def _type(asked: Asked) -> list[Action]:
    if asked.text is None:
        raise ToolError("`type_text_at` needs `text`")
    cleared = [Action("press", keys=["ctrl", "a"]), Action("press", keys=["delete"])]
    written = Action("write", text=asked.text, enter_after=asked.press_enter)
    return [*_click(asked), *(cleared if asked.clear else ()), written]


def _scroll(asked: Asked, point: tuple[int, int]) -> list[Action]:
    direction, pixels = asked.scroll
    if direction not in DIRECTIONS:
        raise ToolError(f"`direction` is {direction!r}; it is one of {', '.join(DIRECTIONS)}")
    across, down = DIRECTIONS[direction]
    return [Action("scroll", *point, scroll_x=across * pixels, scroll_y=down * pixels)]


def _go_to(url: str | None) -> list[Action]:
    if not url:
        raise ToolError("`navigate` needs `url`")
    return [Action("press", keys=["ctrl", "l"]), Action("write", text=url, enter_after=True)]


def _keys(asked: Asked) -> list[Action]:
    written = "+".join(asked.keys) if isinstance(asked.keys, list) else asked.keys
    if not written:
        raise ToolError("`key_combination` needs `keys`")
    return [Action("press", keys=keys) for keys in split_keys(written)]


TRANSLATIONS: dict[str, Callable[[Asked], list[Action]]] = {
    "open_web_browser": lambda asked: [Action("screenshot")],
    "screenshot": lambda asked: [Action("screenshot")],
    "click_at": _click,
    "hover_at": lambda asked: [Action("move", *_point(asked.at))],
    "type_text_at": _type,
    "scroll_document": lambda asked: _scroll(asked, asked.center),
    "scroll_at": lambda asked: _scroll(asked, _point(asked.at)),
    "wait_5_seconds": lambda asked: [Action("wait", time=5000)],
    "go_back": lambda asked: [Action("press", keys=["alt", "left"])],
    "go_forward": lambda asked: [Action("press", keys=["alt", "right"])],
    "search": lambda asked: _go_to(SEARCH_URL),
    "navigate": lambda asked: _go_to(asked.url),
    "key_combination": _keys,
    "drag_and_drop": lambda asked: [Action("drag", path=[_point(asked.at), _point(asked.to)])],
}


def _point(point: tuple[int | None, int | None]) -> tuple[int, int]:
    x, y = point
    if x is None or y is None:
        raise ToolError("the action needs both coordinates of each point")
    return x, y

"""The protocol of what moves mouse and keyboard, simulated: it says what it would do, and shows a
white screen.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from hud.tools.executors import images
from hud.tools.executors.settings import computer_settings
from hud.tools.types import ContentResult

Button = Literal["left", "right", "middle", "back", "forward"]
Point = tuple[int, int]


class BaseExecutor:
    """Mouse, keyboard and screen of a display that is not there.

    Coordinates are pixels of the display. Each action returns what happened and, unless
    `take_screenshot` is False, a picture of the screen afterwards. A real executor overrides the
    actions.
    """

    def __init__(self, display_num: int | None = None) -> None:
        """Make the executor for an X display."""
        number = computer_settings.DISPLAY_NUM if display_num is None else display_num
        self.display_num: int = number

    async def click(
        self,
        x: int | None = None,
        y: int | None = None,
        button: Button = "left",
        pattern: list[int] | None = None,
        hold_keys: list[str] | None = None,
        take_screenshot: bool = True,
    ) -> ContentResult:
        """Click, where the mouse is or at a point.

        `pattern` holds the milliseconds between more clicks.
        """
        where = f" at ({x}, {y})" if x is not None and y is not None else ""
        times = f" {len(pattern) + 1} times" if pattern else ""
        return await self._done(
            f"Click{where} with {button} button{times}{_holding(hold_keys)}", take_screenshot
        )

    async def write(
        self, text: str, enter_after: bool = False, delay: int = 12, take_screenshot: bool = True
    ) -> ContentResult:
        """Type a text, `delay` milliseconds between two keys."""
        enter = " followed by Enter" if enter_after else ""
        return await self._done(f"Type {text!r}{enter}", take_screenshot)

    async def press(self, keys: list[str], take_screenshot: bool = True) -> ContentResult:
        """Press keys together and let go of them."""
        return await self._done(f"Press keys {'+'.join(keys)}", take_screenshot)

    async def key(self, key_sequence: str, take_screenshot: bool = True) -> ContentResult:
        """Press keys that are written as `ctrl+c`."""
        return await self._done(f"Press key sequence {key_sequence}", take_screenshot)

    async def keydown(self, keys: list[str], take_screenshot: bool = True) -> ContentResult:
        """Press keys and hold them."""
        return await self._done(f"Hold down {', '.join(keys)}", take_screenshot)

    async def keyup(self, keys: list[str], take_screenshot: bool = True) -> ContentResult:
        """Let go of keys."""
        return await self._done(f"Let go of {', '.join(keys)}", take_screenshot)

    async def scroll(
        self,
        x: int | None = None,
        y: int | None = None,
        scroll_x: int | None = None,
        scroll_y: int | None = None,
        hold_keys: list[str] | None = None,
        take_screenshot: bool = True,
    ) -> ContentResult:
        """Scroll, where the mouse is or at a point, by pixels to the right and down."""
        where = f" at ({x}, {y})" if x is not None and y is not None else ""
        by = f" by ({scroll_x or 0}, {scroll_y or 0})"
        return await self._done(f"Scroll{where}{by}{_holding(hold_keys)}", take_screenshot)

    async def move(
        self,
        x: int | None = None,
        y: int | None = None,
        offset_x: int | None = None,
        offset_y: int | None = None,
        take_screenshot: bool = True,
    ) -> ContentResult:
        """Move the mouse to a point, or by an offset."""
        if x is not None and y is not None:
            return await self._done(f"Move mouse to ({x}, {y})", take_screenshot)
        by = f"({offset_x or 0}, {offset_y or 0})"
        return await self._done(f"Move mouse by {by}", take_screenshot)

    async def drag(
        self,
        path: list[Point],
        pattern: list[int] | None = None,
        hold_keys: list[str] | None = None,
        take_screenshot: bool = True,
    ) -> ContentResult:
        """Drag with the left button along points.

        `pattern` holds the milliseconds between two of them.
        """
        points = " to ".join(map(str, path))
        return await self._done(f"Drag from {points}{_holding(hold_keys)}", take_screenshot)

    async def mouse_down(
        self, button: Button = "left", take_screenshot: bool = True
    ) -> ContentResult:
        """Press a mouse button and hold it."""
        return await self._done(f"Press {button} mouse button", take_screenshot)

    async def mouse_up(
        self, button: Button = "left", take_screenshot: bool = True
    ) -> ContentResult:
        """Let go of a mouse button."""
        return await self._done(f"Let go of {button} mouse button", take_screenshot)

    async def hold_key(
        self, key: str, duration: float, take_screenshot: bool = True
    ) -> ContentResult:
        """Hold a key for so many seconds."""
        return await self._done(f"Hold {key} for {duration:g} seconds", take_screenshot)

    async def wait(self, time: int, take_screenshot: bool = True) -> ContentResult:
        """Wait for so many milliseconds."""
        await asyncio.sleep(time / 1000)
        shown = await self.screenshot() if take_screenshot else None
        return ContentResult(output=f"Waited {time}ms", base64_image=shown)

    async def screenshot(self) -> str | None:
        """A picture of the screen, as a PNG in base64."""
        return images.blank(computer_settings.DISPLAY_WIDTH, computer_settings.DISPLAY_HEIGHT)

    async def zoom(
        self,
        x0: int,
        y0: int,
        x1: int,
        y1: int,
        target_width: int | None = None,
        target_height: int | None = None,
    ) -> ContentResult:
        """A picture of the part of the screen between two corners, scaled."""
        target = (target_width, target_height) if target_width and target_height else None
        shown = await self.screenshot()
        if shown is None:
            return ContentResult(error="the screen cannot be seen")
        part = await asyncio.to_thread(images.cut, shown, (x0, y0, x1, y1), target)
        return ContentResult(output=f"Zoomed to ({x0}, {y0}) - ({x1}, {y1})", base64_image=part)

    async def position(self) -> ContentResult:
        """Where the mouse is."""
        return ContentResult(output="[SIMULATED] Mouse position: (0, 0)")

    async def execute(self, command: str, take_screenshot: bool = True) -> ContentResult:
        """Run a command of the program that is used to act."""
        return await self._done(f"Execute: {command}", take_screenshot)

    async def type_text(
        self, text: str, delay: int = 12, take_screenshot: bool = True
    ) -> ContentResult:
        """`write`, under another name."""
        return await self.write(text, delay=delay, take_screenshot=take_screenshot)

    async def mouse_move(self, x: int, y: int, take_screenshot: bool = True) -> ContentResult:
        """`move` to a point, under another name."""
        return await self.move(x, y, take_screenshot=take_screenshot)

    async def _done(self, what: str, take_screenshot: bool) -> ContentResult:
        shown = await self.screenshot() if take_screenshot else None
        return ContentResult(output=f"[SIMULATED] {what}", base64_image=shown)


def _holding(keys: list[str] | None) -> str:
    return f" while holding {', '.join(keys)}" if keys else ""

"""The computer tool that any model can use by function calls, and what the providers' own have in
common with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import mcp_types

from hud.errors import UserError
from hud.tools.computer.actions import Action, Scale, perform, replace_image
from hud.tools.executors import images
from hud.tools.executors.settings import computer_settings
from hud.tools.executors.simulated import BaseExecutor, Button
from hud.tools.executors.xdo import XDOExecutor
from hud.tools.left_out import left_out
from hud.tools.tool import BaseTool
from hud.tools.types import ContentResult, Coordinate
from hud.types import NativeToolSpec, NativeToolSpecs

Platform = Literal["auto", "xdo", "pyautogui"]

HudAction = Literal[
    "click",
    "press",
    "keydown",
    "keyup",
    "write",
    "scroll",
    "move",
    "wait",
    "drag",
    "response",
    "screenshot",
    "position",
    "hold_key",
    "mouse_down",
    "mouse_up",
]


class HudComputerTool(BaseTool):
    """Control computer with mouse, keyboard, and screenshots"""

    name = "computer"
    title = "Computer Control"
    prefix: ClassVar[str] = "HUD"
    """What the settings of this tool begin with."""

    def __init__(
        self,
        executor: BaseExecutor | None = None,
        platform_type: Platform = "auto",
        display_num: int | None = None,
        width: int | None = None,
        height: int | None = None,
        **options: Any,
    ) -> None:
        """Make the tool for a screen of `width` by `height` pixels, to which the display is scaled.

        Without an `executor` it acts on the X display once there is one, and simulates until then.
        `options`: rescale_images (whether screenshots are scaled as well), coordinate_space
        (coordinates from 0 to this instead of pixels), display_width and display_height (other
        names of width and height), and name, title, description, meta.

        Raises:
            UserError: the platform is not supported, or a size is not positive.
        """
        if platform_type == "pyautogui":
            raise left_out('platform_type="pyautogui"', 'use "auto" or "xdo", on an X display')
        self.width = _chosen(width or options.pop("display_width", None), self._setting("WIDTH"))
        self.height = _chosen(
            height or options.pop("display_height", None), self._setting("HEIGHT")
        )
        rescale = options.pop("rescale_images", None)
        self.rescale_images: bool = self._rescales() if rescale is None else bool(rescale)
        self.coordinate_space: int | None = options.pop("coordinate_space", None)
        self.platform_type = platform_type
        self.display_num = display_num
        self.environment_width = computer_settings.DISPLAY_WIDTH
        self.environment_height = computer_settings.DISPLAY_HEIGHT
        resolution = {"width": self.width, "height": self.height}
        if self.coordinate_space is not None:
            resolution["coordinate_space"] = self.coordinate_space
        meta = {"resolution": resolution}
        meta |= options.pop("meta", None) or {}
        specs = _sized(self.native_specs, self.width, self.height)
        super().__init__(env=executor, meta=meta, native_specs=specs, **options)

    @property
    def executor(self) -> BaseExecutor:
        """What acts: the one that was given, else the X display as soon as there is one."""
        given: BaseExecutor | None = self.env
        if given is not None:
            return given
        if self.platform_type == "xdo" or XDOExecutor.is_available(self.display_num):
            self.env = executor = XDOExecutor(self.display_num)
            return executor
        return BaseExecutor(self.display_num)

    @property
    def scale_x(self) -> float:
        """Pixels that the agent sees for one of the display, from left to right."""
        return self.width / self.environment_width

    @property
    def scale_y(self) -> float:
        """Pixels that the agent sees for one of the display, from top to bottom."""
        return self.height / self.environment_height

    @property
    def needs_scaling(self) -> bool:
        """Whether the agent sees another size than the display has."""
        return (self.scale_x, self.scale_y) != (1.0, 1.0)

    async def __call__(  # noqa: PLR0913 - the tool's parameters
        self,
        action: HudAction,
        x: int | None = None,
        y: int | None = None,
        button: Button | None = None,
        pattern: list[int] | None = None,
        text: str | None = None,
        keys: list[str] | None = None,
        enter_after: bool | None = None,
        scroll_x: int | None = None,
        scroll_y: int | None = None,
        offset_x: int | None = None,
        offset_y: int | None = None,
        path: list[Coordinate] | None = None,
        time: int | None = None,
        hold_keys: list[str] | None = None,
        duration: float | None = None,
    ) -> list[mcp_types.ContentBlock]:
        """Do something with mouse or keyboard, or look at the screen.

        Args:
            action: What to do.
            x: X coordinate for click, move and scroll.
            y: Y coordinate for click, move and scroll.
            button: Mouse button.
            pattern: Milliseconds between more clicks; [100] is a double click.
            text: Text for write and response, key for hold_key.
            keys: Keys for press, keydown and keyup.
            enter_after: Whether to press Enter after writing.
            scroll_x: Pixels to scroll to the right.
            scroll_y: Pixels to scroll down.
            offset_x: Pixels to move to the right.
            offset_y: Pixels to move down.
            path: Points to drag along.
            time: Milliseconds to wait.
            hold_keys: Keys to hold meanwhile.
            duration: Seconds for hold_key.

        Raises:
            ToolError: the action lacks what it needs, or cannot be done.
        """
        points = [(point.x, point.y) for point in path] if path is not None else None
        way: dict[str, Any] = {"scroll_x": scroll_x, "scroll_y": scroll_y, "path": points}
        way |= {"offset_x": offset_x, "offset_y": offset_y}
        span: dict[str, Any] = {"time": time, "hold_keys": hold_keys, "duration": duration}
        asked = Action(action, x, y, button, pattern, text, keys, enter_after, **way, **span)
        return (await self.act([asked])).to_content_blocks()

    async def act(self, actions: Iterable[Action], *, look: bool = True) -> ContentResult:
        """Perform actions in the coordinates that the agent sees, then look at the screen.

        Raises:
            ToolError: an action lacks what it needs, or cannot be done.
        """
        result = await perform(self.executor, actions, self._to_display(), look=look)
        if result.base64_image is None:
            return result
        return replace_image(result, await self._rescale_screenshot(result.base64_image))

    async def _rescale_screenshot(self, screenshot_base64: str) -> str:
        quality = self.screenshot_quality
        if not (self.rescale_images and self.needs_scaling) and quality is None:
            return screenshot_base64
        width, height = self.width, self.height
        if not self.rescale_images:
            width, height = images.size(screenshot_base64) or (width, height)
        return await asyncio.to_thread(
            images.scaled, screenshot_base64, width, height, quality=quality
        )

    @property
    def screenshot_quality(self) -> int | None:
        """Quality of JPEG screenshots; None: they are PNG."""
        return None

    def _to_display(self) -> Scale:
        if self.coordinate_space is not None:
            space = self.coordinate_space
            return Scale(self.environment_width / space, self.environment_height / space)
        return Scale(1 / self.scale_x, 1 / self.scale_y)

    def _setting(self, name: str) -> int:
        own = getattr(computer_settings, f"{self.prefix}_COMPUTER_{name}")
        found: int = own or getattr(computer_settings, f"DISPLAY_{name}")
        return found

    def _rescales(self) -> bool:
        return bool(getattr(computer_settings, f"{self.prefix}_RESCALE_IMAGES"))


def _chosen(given: Any, otherwise: int) -> int:
    size = otherwise if given is None else int(given)
    if size <= 0:
        raise UserError(f"a screen cannot be {size} pixels wide or high")
    return size


def _sized(specs: NativeToolSpecs, width: int, height: int) -> NativeToolSpecs:
    """Specs with the size of the screen, which every provider's computer tool is told."""
    size = {"display_width": width, "display_height": height}

    def one(spec: NativeToolSpec) -> NativeToolSpec:
        return spec.model_copy(update={"extra": {**spec.extra, **size}})

    return {
        family: [one(item) for item in spec] if isinstance(spec, list) else one(spec)
        for family, spec in specs.items()
    }

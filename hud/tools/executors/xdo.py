"""Mouse, keyboard and screen of an X display, by the programs `xdotool` and `scrot` or `import`."""

from __future__ import annotations

import asyncio
import base64
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hud.errors import ToolError
from hud.settings import variable
from hud.tools.executors.keys import xdo_key
from hud.tools.executors.simulated import BaseExecutor, Button, Point
from hud.tools.system.process import Command, Finished, run
from hud.tools.types import ContentResult

BUTTONS: dict[Button, int] = {"left": 1, "middle": 2, "right": 3, "back": 8, "forward": 9}
WHEEL = {"up": 4, "down": 5, "left": 6, "right": 7}
PIXELS_PER_NOTCH = 100
"""How far one notch of the mouse wheel scrolls."""
SETTLE_SECONDS = 0.5
"""How long programs get to draw what an action changed, before the screen is looked at."""
TIMEOUT = 30.0
TYPED_AT_ONCE = 50
"""Characters; `xdotool` loses keys of long texts."""
CAMERAS = (("scrot", ("-o", "-p")), ("import", ("-window", "root")), ("gnome-screenshot", ("-f",)))
"""Programs that take a picture of the screen, and what goes before the file's name."""


class XDOExecutor(BaseExecutor):
    """Acts on an X display with `xdotool`."""

    def __init__(self, display_num: int | None = None) -> None:
        """Make the executor for the display `:display_num`, by default the one of this process."""
        super().__init__(display_num)
        own = variable("DISPLAY")
        is_own = display_num is None and own is not None
        self.display = own if is_own and own is not None else f":{self.display_num}"

    @classmethod
    def is_available(cls, display_num: int | None = None) -> bool:
        """Whether there are `xdotool` and the display."""
        if shutil.which("xdotool") is None:
            return False
        display = f":{display_num}" if display_num is not None else variable("DISPLAY")
        if display is None:
            return False
        name = display.removeprefix(":").partition(".")[0]
        is_remote = not display.startswith(":")
        return is_remote or Path("/", "tmp", ".X11-unix", f"X{name}").exists()

    async def execute(self, command: str, take_screenshot: bool = True) -> ContentResult:
        """Run `xdotool` with those arguments."""
        return await self._act([shlex.split(command)], take_screenshot)

    async def click(
        self,
        x: int | None = None,
        y: int | None = None,
        button: Button = "left",
        pattern: list[int] | None = None,
        hold_keys: list[str] | None = None,
        take_screenshot: bool = True,
    ) -> ContentResult:
        number = str(BUTTONS[button])
        clicks = [["click", number]]
        for delay in pattern or ():
            clicks += [["sleep", f"{delay / 1000:g}"], ["click", number]]
        steps = self._held(hold_keys, [*_to(x, y), *clicks])
        return await self._act(steps, take_screenshot)

    async def write(
        self, text: str, enter_after: bool = False, delay: int = 12, take_screenshot: bool = True
    ) -> ContentResult:
        result = ContentResult()
        for start in range(0, len(text), TYPED_AT_ONCE):
            part = text[start : start + TYPED_AT_ONCE]
            result += await self._act([["type", "--delay", str(delay), "--", part]], False)
        enter = [["key", "Return"]] if enter_after else []
        return result + await self._act(enter, take_screenshot)

    async def press(self, keys: list[str], take_screenshot: bool = True) -> ContentResult:
        return await self._act([["key", "--", "+".join(map(xdo_key, keys))]], take_screenshot)

    async def key(self, key_sequence: str, take_screenshot: bool = True) -> ContentResult:
        return await self.press(key_sequence.split("+"), take_screenshot)

    async def keydown(self, keys: list[str], take_screenshot: bool = True) -> ContentResult:
        return await self._act([["keydown", xdo_key(key)] for key in keys], take_screenshot)

    async def keyup(self, keys: list[str], take_screenshot: bool = True) -> ContentResult:
        return await self._act([["keyup", xdo_key(key)] for key in reversed(keys)], take_screenshot)

    async def scroll(
        self,
        x: int | None = None,
        y: int | None = None,
        scroll_x: int | None = None,
        scroll_y: int | None = None,
        hold_keys: list[str] | None = None,
        take_screenshot: bool = True,
    ) -> ContentResult:
        turns = [
            *_wheel(scroll_y or 0, WHEEL["up"], WHEEL["down"]),
            *_wheel(scroll_x or 0, WHEEL["left"], WHEEL["right"]),
        ]
        return await self._act(self._held(hold_keys, [*_to(x, y), *turns]), take_screenshot)

    async def move(
        self,
        x: int | None = None,
        y: int | None = None,
        offset_x: int | None = None,
        offset_y: int | None = None,
        take_screenshot: bool = True,
    ) -> ContentResult:
        steps = _to(x, y)
        if not steps:
            steps = [["mousemove_relative", "--", str(offset_x or 0), str(offset_y or 0)]]
        return await self._act(steps, take_screenshot)

    async def drag(
        self,
        path: list[Point],
        pattern: list[int] | None = None,
        hold_keys: list[str] | None = None,
        take_screenshot: bool = True,
    ) -> ContentResult:
        if len(path) < 2:
            raise ToolError("a drag needs at least two points")
        delays = [*(pattern or []), *[20] * len(path)]
        steps = [*_to(*path[0]), ["mousedown", "1"]]
        for point, delay in zip(path[1:], delays, strict=False):
            steps += [["sleep", f"{delay / 1000:g}"], *_to(*point)]
        return await self._act(self._held(hold_keys, [*steps, ["mouseup", "1"]]), take_screenshot)

    async def mouse_down(
        self, button: Button = "left", take_screenshot: bool = True
    ) -> ContentResult:
        return await self._act([["mousedown", str(BUTTONS[button])]], take_screenshot)

    async def mouse_up(
        self, button: Button = "left", take_screenshot: bool = True
    ) -> ContentResult:
        return await self._act([["mouseup", str(BUTTONS[button])]], take_screenshot)

    async def hold_key(
        self, key: str, duration: float, take_screenshot: bool = True
    ) -> ContentResult:
        await self._act([["keydown", xdo_key(key)]], False)
        try:
            await asyncio.sleep(duration)
        finally:
            result = await self._act([["keyup", xdo_key(key)]], False)
        return await self._seen(result, take_screenshot)

    async def screenshot(self) -> str | None:
        program = next((camera for camera in CAMERAS if shutil.which(camera[0])), None)
        if program is None:
            raise ToolError("no program takes pictures of the screen: install scrot or imagemagick")
        name, options = program
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "screen.png")
            await self._run([name, *options, str(path)])
            return base64.b64encode(await asyncio.to_thread(path.read_bytes)).decode()

    async def position(self) -> ContentResult:
        done = await self._run(["xdotool", "getmouselocation"])
        parts = dict(part.split(":", 1) for part in done.stdout.split() if ":" in part)
        return ContentResult(output=f"Mouse position: ({parts.get('x')}, {parts.get('y')})")

    def _held(self, keys: list[str] | None, steps: list[list[str]]) -> list[list[str]]:
        down = [["keydown", xdo_key(key)] for key in keys or ()]
        up = [["keyup", xdo_key(key)] for key in reversed(keys or ())]
        return [*down, *steps, *up]

    async def _act(self, steps: list[list[str]], take_screenshot: bool) -> ContentResult:
        """Run the steps as one `xdotool`, which reads `type` and `key` to the end of their
        arguments.
        """
        result = ContentResult()
        if steps:
            done = await self._run(["xdotool", *(word for step in steps for word in step)])
            result = ContentResult(output=done.stdout or None, error=done.stderr or None)
        return await self._seen(result, take_screenshot)

    async def _seen(self, result: ContentResult, take_screenshot: bool) -> ContentResult:
        if not take_screenshot:
            return result
        await asyncio.sleep(SETTLE_SECONDS)
        shown: str | None = None
        with suppress(OSError):
            shown = await self.screenshot()
        return result + ContentResult(base64_image=shown)

    async def _run(self, argv: Sequence[str]) -> Finished:
        asked = Command(argv, variables={"DISPLAY": self.display})
        done = await run(asked, timeout=TIMEOUT)
        if done.status != 0:
            reason = "took too long" if done.timed_out else done.stderr.strip() or "failed"
            raise ToolError(f"{argv[0]} on display {self.display}: {reason}")
        return done


def _to(x: int | None, y: int | None) -> list[list[str]]:
    return [["mousemove", str(x), str(y)]] if x is not None and y is not None else []


def _wheel(pixels: int, backward: int, forward: int) -> list[list[str]]:
    notches = max(round(abs(pixels) / PIXELS_PER_NOTCH), 1) if pixels else 0
    button = forward if pixels > 0 else backward
    return [["click", "--repeat", str(notches), str(button)]] if notches else []

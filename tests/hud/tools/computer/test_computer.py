"""Computer tools: every provider's words become the same actions, in pixels of the display."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from hud.errors import ToolError, UserError
from hud.tools import (
    AnthropicComputerTool,
    GeminiComputerTool,
    HudComputerTool,
    OpenAIComputerTool,
)
from hud.tools.computer.settings import computer_settings
from hud.tools.executors import XDOExecutor
from hud.tools.executors import images as pictures
from hud.tools.executors.base import BaseExecutor
from hud.tools.executors.images import blank, size
from hud.tools.executors.keys import canonical_key, xdo_key
from hud.tools.types import ContentResult
from tests.hud.tools.calling import call, content, definition, failure, images, text

pytestmark = pytest.mark.anyio

DISPLAY = {"environment_width": 2000, "environment_height": 1000}


class Recorder(BaseExecutor):
    """An executor that notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[Any, ...]] = []

    async def click(self, *args: Any, **options: Any) -> ContentResult:
        return self._note("click", *args, **options)

    async def write(self, *args: Any, **options: Any) -> ContentResult:
        return self._note("write", *args, **options)

    async def press(self, *args: Any, **options: Any) -> ContentResult:
        return self._note("press", *args, **options)

    async def scroll(self, *args: Any, **options: Any) -> ContentResult:
        return self._note("scroll", *args, **options)

    async def move(self, *args: Any, **options: Any) -> ContentResult:
        return self._note("move", *args, **options)

    async def drag(self, *args: Any, **options: Any) -> ContentResult:
        return self._note("drag", *args, **options)

    async def wait(self, *args: Any, **options: Any) -> ContentResult:
        return self._note("wait", *args, **options)

    async def hold_key(self, *args: Any, **options: Any) -> ContentResult:
        return self._note("hold_key", *args, **options)

    async def mouse_down(self, *args: Any, **options: Any) -> ContentResult:
        return self._note("mouse_down", *args, **options)

    async def mouse_up(self, *args: Any, **options: Any) -> ContentResult:
        return self._note("mouse_up", *args, **options)

    async def zoom(self, *args: Any, **options: Any) -> ContentResult:
        return self._note("zoom", *args, **options)

    def _note(self, name: str, *args: Any, **options: Any) -> ContentResult:
        shown = blank(8, 4) if options.pop("take_screenshot", False) else None
        self.told.append((name, *args, options) if options else (name, *args))
        return ContentResult(output=name, base64_image=shown)


def told(tool: HudComputerTool) -> list[tuple[Any, ...]]:
    assert isinstance(tool.executor, Recorder)
    return tool.executor.told


def seen_as(kind: type[HudComputerTool], **options: Any) -> HudComputerTool:
    """A tool that shows a display of 2000 by 1000 pixels at half its size."""
    tool = kind(executor=Recorder(), width=1000, height=500, **options)
    vars(tool).update(DISPLAY)
    return tool


CLICK = {"x": 200, "y": 100, "button": "left"}

HUD = [
    ({"action": "click", "x": 100, "y": 50}, [("click", {"x": 200, "y": 100})]),
    (
        {"action": "click", "x": 1, "y": 1, "button": "right", "pattern": [100]},
        [("click", {"x": 2, "y": 2, "button": "right", "pattern": [100]})],
    ),
    (
        {"action": "write", "text": "a", "enter_after": True},
        [("write", "a", {"enter_after": True})],
    ),
    ({"action": "press", "keys": ["Control", "C"]}, [("press", ["ctrl", "C"])]),
    ({"action": "scroll", "scroll_y": 50}, [("scroll", {"scroll_y": 100})]),
    ({"action": "move", "offset_x": 5}, [("move", {"offset_x": 10})]),
    (
        {"action": "drag", "path": [{"x": 0, "y": 0}, {"x": 10, "y": 20}]},
        [("drag", [(0, 0), (20, 40)])],
    ),
    ({"action": "wait", "time": 5}, [("wait", 5)]),
    ({"action": "hold_key", "text": "Shift", "duration": 1}, [("hold_key", "shift", 1.0)]),
]
CLAUDE = [
    ({"action": "left_click", "coordinate": [100, 50]}, [("click", CLICK)]),
    ({"action": "click", "coordinate": [100, 50]}, [("click", CLICK)]),
    (
        {"action": "triple_click", "coordinate": [100, 50], "text": "ctrl+shift"},
        [("click", {**CLICK, "pattern": [100, 100], "hold_keys": ["ctrl", "shift"]})],
    ),
    ({"action": "type", "text": "a b"}, [("write", "a b")]),
    ({"action": "key", "text": "ctrl+s"}, [("press", ["ctrl", "s"])]),
    ({"action": "key", "text": "Return", "repeat": 2}, [("press", ["enter"])] * 2),
    ({"action": "key", "text": "ctrl+a Delete"}, [("press", ["ctrl", "a"]), ("press", ["delete"])]),
    ({"action": "key", "text": "ctrl++"}, [("press", ["ctrl", "+"])]),
    ({"action": "mouse_move", "coordinate": [1, 2]}, [("move", {"x": 2, "y": 4})]),
    (
        {"action": "left_click_drag", "start_coordinate": [0, 0], "coordinate": [1, 1]},
        [("drag", [(0, 0), (2, 2)])],
    ),
    (
        {"action": "left_click_drag", "coordinate": [1, 1]},
        [
            ("mouse_down", {"button": "left"}),
            ("move", {"x": 2, "y": 2}),
            ("mouse_up", {"button": "left"}),
        ],
    ),
    (
        {"action": "scroll", "coordinate": [1, 1], "scroll_direction": "up", "scroll_amount": 2},
        [("scroll", {"x": 2, "y": 2, "scroll_x": 0, "scroll_y": -400})],
    ),
    ({"action": "wait", "duration": 0.5}, [("wait", 500)]),
    ({"action": "hold_key", "text": "a", "duration": 2}, [("hold_key", "a", 2.0)]),
    ({"action": "zoom", "region": [0, 0, 10, 10]}, [("zoom", 0, 0, 20, 20)]),
]
OPENAI = [
    ({"type": "click", "x": 100, "y": 50}, [("click", CLICK)]),
    (
        {"type": "click", "x": 1, "y": 1, "button": "wheel"},
        [("click", {"x": 2, "y": 2, "button": "middle"})],
    ),
    ({"type": "double_click", "x": 100, "y": 50}, [("click", {**CLICK, "pattern": [100]})]),
    ({"type": "type", "text": "hi"}, [("write", "hi")]),
    ({"type": "keypress", "keys": ["CTRL", "ARROWUP"]}, [("press", ["ctrl", "up"])]),
    (
        {"type": "scroll", "x": 1, "y": 1, "scroll_y": -10},
        [("scroll", {"x": 2, "y": 2, "scroll_y": -20})],
    ),
    (
        {"actions": [{"type": "move", "x": 1, "y": 1}, {"type": "type", "text": "a"}]},
        [("move", {"x": 2, "y": 2}), ("write", "a")],
    ),
    ({"type": "wait", "ms": 3}, [("wait", 3)]),
]  # fmt: skip
GEMINI = [
    ({"action": "click_at", "x": 100, "y": 50}, [("click", CLICK)]),
    (
        {"action": "type_text_at", "x": 100, "y": 50, "text": "a"},
        [
            ("click", CLICK),
            ("press", ["ctrl", "a"]),
            ("press", ["delete"]),
            ("write", "a", {"enter_after": True}),
        ],
    ),
    (
        {
            **{"action": "type_text_at", "x": 100, "y": 50, "text": "a"},
            **{"press_enter": False, "clear_before_typing": False},
        },
        [("click", CLICK), ("write", "a", {"enter_after": False})],
    ),
    (
        {"action": "scroll_document", "direction": "down"},
        [("scroll", {"x": 1000, "y": 500, "scroll_x": 0, "scroll_y": 1600})],
    ),
    ({"action": "go_back"}, [("press", ["alt", "left"])]),
    (
        {"action": "navigate", "url": "about:blank"},
        [("press", ["ctrl", "l"]), ("write", "about:blank", {"enter_after": True})],
    ),
    ({"action": "key_combination", "keys": "control+c"}, [("press", ["ctrl", "c"])]),
    (
        {"action": "drag_and_drop", "x": 0, "y": 0, "destination_x": 1, "destination_y": 1},
        [("drag", [(0, 0), (2, 2)])],
    ),
]
CALLS = [
    *((HudComputerTool, *case) for case in HUD),
    *((AnthropicComputerTool, *case) for case in CLAUDE),
    *((OpenAIComputerTool, *case) for case in OPENAI),
    *((GeminiComputerTool, *case) for case in GEMINI),
]


@pytest.mark.parametrize(("kind", "arguments", "actions"), CALLS)
async def test_a_call_becomes_actions_in_pixels_of_the_display(
    kind: type[HudComputerTool], arguments: dict[str, Any], actions: list[tuple[Any, ...]]
) -> None:
    tool = seen_as(kind)
    await text(tool, **arguments)
    assert told(tool) == actions


@pytest.mark.parametrize(
    ("kind", "arguments", "reason"),
    [
        (HudComputerTool, {"action": "write"}, "needs `text`"),
        (HudComputerTool, {"action": "press", "keys": []}, "needs `keys`"),
        (HudComputerTool, {"action": "move"}, "needs `x` and `y`"),
        (HudComputerTool, {"action": "drag", "path": []}, "at least two points"),
        (AnthropicComputerTool, {"action": "jump"}, "unknown action 'jump'"),
        (AnthropicComputerTool, {"action": "mouse_move"}, "it is [x, y]"),
        (AnthropicComputerTool, {"action": "scroll"}, "`scroll_direction` is None"),
        (AnthropicComputerTool, {"action": "zoom", "region": [1, 1, 0, 0]}, "`region` is"),
        (AnthropicComputerTool, {"action": "key", "text": "a", "repeat": 0}, "`repeat` is 0"),
        (OpenAIComputerTool, {}, "unknown action None"),
        (OpenAIComputerTool, {"actions": []}, "is empty"),
        (OpenAIComputerTool, {"actions": [{"type": "click", "x": "far"}]}, "is no action"),
        (GeminiComputerTool, {"action": "click_at", "x": 1}, "both coordinates"),
        (GeminiComputerTool, {"action": "navigate"}, "needs `url`"),
    ],
)
async def test_a_call_that_lacks_something_says_what(
    kind: type[HudComputerTool], arguments: dict[str, Any], reason: str
) -> None:
    tool = seen_as(kind)
    assert reason in await failure(tool, **arguments)
    assert told(tool) == []


async def test_the_screen_is_shown_once_after_the_last_action() -> None:
    actions = [{"type": "click", "x": 1, "y": 1}, {"type": "type", "text": "a"}]
    result = await call(seen_as(OpenAIComputerTool), actions=actions)
    assert [block.type for block in result.content] == ["text", "image"]


async def test_claude_can_do_without_a_picture() -> None:
    asked = {"action": "left_click", "coordinate": [1, 1], "take_screenshot_on_click": False}
    assert images(await call(seen_as(AnthropicComputerTool), **asked)) == []


async def test_pictures_are_scaled_to_what_the_agent_sees() -> None:
    (shown,) = images(await call(AnthropicComputerTool(), action="screenshot"))
    assert size(shown.data) == (1400, 850)
    (shown,) = images(await call(HudComputerTool(), action="screenshot"))
    assert size(shown.data) == (1920, 1080)


async def test_without_a_display_actions_are_simulated() -> None:
    result = await call(HudComputerTool(display_num=987), action="click", x=1, y=2)
    assert "[SIMULATED] Click at (1, 2)" in result.text
    assert len(images(result)) == 1


async def test_a_real_picture_is_scaled() -> None:
    pytest.importorskip("PIL", reason="scaling pictures needs pillow")
    one_red_pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVQI12P4z8AAAAMB"
        "AQAY3Y2wAAAAAElFTkSuQmCC"
    )
    assert size(pictures.scaled(one_red_pixel, 4, 3)) == (4, 3)
    photo = base64.b64decode(pictures.scaled(one_red_pixel, 4, 3, quality=50))
    assert photo.startswith(b"\xff\xd8")


def test_coordinates_may_be_normalised() -> None:
    tool = seen_as(HudComputerTool, coordinate_space=999)
    assert tool._to_display().x == 2000 / 999


@pytest.mark.parametrize(
    ("kind", "name", "resolution", "family", "types"),
    [
        (HudComputerTool, "computer", (1920, 1080), None, None),
        (
            *(AnthropicComputerTool, "anthropic_computer", (1400, 850), "claude"),
            ["computer_20251124", "computer_20250124"],
        ),
        (OpenAIComputerTool, "openai_computer", (1024, 768), "openai", "computer"),
        (GeminiComputerTool, "gemini_computer", (1440, 900), "gemini", "computer_use"),
    ],
)
def test_providers_are_told_what_they_know_and_how_large_it_is(
    kind: type[HudComputerTool], name: str, resolution: tuple[int, int], family: Any, types: Any
) -> None:
    found = definition(kind())
    meta = found.meta or {}
    assert found.name == name
    assert tuple(meta["resolution"].values()) == resolution
    specs = meta.get("native_tools", {}).get(family)
    listed = specs if isinstance(specs, list) else [specs]
    assert [spec and spec["api_type"] for spec in listed] == (
        types if isinstance(types, list) else [types]
    )
    assert family is None or listed[0]["extra"]["display_width"] == resolution[0]


def test_a_size_has_two_names() -> None:
    tool = AnthropicComputerTool(display_width=1280, display_height=720)
    assert (tool.width, tool.height) == (1280, 720)
    assert computer_settings.DISPLAY_WIDTH == 1920


def test_a_platform_that_is_left_out_says_so() -> None:
    with pytest.raises(UserError, match="left out"):
        HudComputerTool(platform_type="pyautogui")


@pytest.mark.parametrize(
    ("written", "ours", "of_x"),
    [
        ("Control", "ctrl", "ctrl"),
        ("cmd", "super", "super"),
        ("ESC", "escape", "Escape"),
        ("PageDown", "pagedown", "Page_Down"),
        ("f5", "f5", "F5"),
        ("A", "A", "A"),
        ("-", "-", "minus"),
        (" ", "space", "space"),
        ("XF86AudioMute", "xf86audiomute", "XF86AudioMute"),
    ],
)
def test_keys_have_one_name_of_many(written: str, ours: str, of_x: str) -> None:
    assert (canonical_key(written), xdo_key(written)) == (ours, of_x)


@pytest.fixture
def xdo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of the calls of programs that stand for `xdotool` and `scrot`."""
    log = tmp_path / "log"
    _program(tmp_path / "xdotool", f'echo "$DISPLAY $*" >> {log}; echo "x:3 y:4 screen:0"')
    _program(tmp_path / "scrot", f'printf picture > "${{@: -1}}"; echo scrot >> {log}')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", "host:7")
    return log


def _program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


async def test_on_a_display_the_tools_use_xdotool(xdo: Path) -> None:
    tool = AnthropicComputerTool(rescale_images=False, width=1920, height=1080)
    assert isinstance(tool.executor, XDOExecutor)
    (shown,) = images(await call(tool, action="left_click", coordinate=[5, 6], text="ctrl"))
    assert base64.b64decode(shown.data) == b"picture"
    assert content(xdo) == b"host:7 keydown ctrl mousemove 5 6 click 1 keyup ctrl\nscrot\n"


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda x: x.write("a" * 60, enter_after=True, take_screenshot=False),
         ["type --delay 12 -- " + "a" * 50, "type --delay 12 -- " + "a" * 10, "key Return"]),
        (lambda x: x.press(["ctrl", "enter"], take_screenshot=False), ["key -- ctrl+Return"]),
        (lambda x: x.scroll(1, 2, 0, -250, take_screenshot=False),
         ["mousemove 1 2 click --repeat 2 4"]),
        (lambda x: x.move(offset_x=-3, take_screenshot=False), ["mousemove_relative -- -3 0"]),
        (lambda x: x.drag([(0, 0), (9, 9)], take_screenshot=False),
         ["mousemove 0 0 mousedown 1 sleep 0.02 mousemove 9 9 mouseup 1"]),
        (lambda x: x.hold_key("shift", 0, take_screenshot=False), ["keydown shift", "keyup shift"]),
    ],
)  # fmt: skip
async def test_actions_become_calls_of_xdotool(xdo: Path, act: Any, said: list[str]) -> None:
    await act(XDOExecutor())
    lines = content(xdo).decode().splitlines()
    assert [line.removeprefix("host:7 ") for line in lines] == said


async def test_the_position_is_read_from_xdotool(xdo: Path) -> None:
    assert (await XDOExecutor(display_num=3).position()).output == "Mouse position: (3, 4)"
    assert content(xdo) == b":3 getmouselocation\n"


async def test_a_failing_xdotool_says_why(xdo: Path, tmp_path: Path) -> None:
    _program(tmp_path / "xdotool", "echo 'cannot open display' >&2; exit 1")
    with pytest.raises(ToolError, match="display host:7: cannot open display"):
        await XDOExecutor().press(["a"])

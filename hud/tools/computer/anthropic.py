"""The computer tool in the form of Claude's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import mcp_types

from hud.errors import ToolError
from hud.tools.computer.actions import Action, ActionName, split_keys
from hud.tools.computer.hud import HudComputerTool
from hud.tools.executors.settings import computer_settings
from hud.tools.executors.simulated import Button
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs

PIXELS_PER_STEP = 100
DIRECTIONS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
CLICKS: dict[str, tuple[Button, list[int] | None]] = {
    "left_click": ("left", None),
    "click": ("left", None),
    "right_click": ("right", None),
    "middle_click": ("middle", None),
    "double_click": ("left", [100]),
    "triple_click": ("left", [100, 100]),
}
HELD: dict[str, ActionName] = {"left_mouse_down": "mouse_down", "left_mouse_up": "mouse_up"}
MOST_REPEATS = 100


class AnthropicComputerTool(HudComputerTool):
    """Control computer with mouse, keyboard, and screenshot"""

    name = "anthropic_computer"
    title = "Anthropic Computer Tool"
    prefix = "ANTHROPIC"
    native_specs: ClassVar[NativeToolSpecs] = {
        AgentType.CLAUDE: [
            NativeToolSpec(
                api_type="computer_20251124",
                api_name="computer",
                beta="computer-use-2025-11-24",
                role="computer",
                supported_models=(
                    *("*claude-opus-4-5*", "*claude-opus-4-6*", "*claude-opus-4-7*"),
                    "*claude-sonnet-4-6*",
                ),
            ),
            NativeToolSpec(
                api_type="computer_20250124",
                api_name="computer",
                beta="computer-use-2025-01-24",
                role="computer",
            ),
        ]
    }

    def __init__(self, *args: Any, screenshot_quality: int | None = None, **options: Any) -> None:
        """As for `HudComputerTool`; with a `screenshot_quality` (1 to 95), screenshots are JPEG."""
        super().__init__(*args, **options)
        self._quality = screenshot_quality

    @property
    def screenshot_quality(self) -> int | None:
        return self._quality or computer_settings.ANTHROPIC_SCREENSHOT_QUALITY

    async def __call__(  # type: ignore[override]  # noqa: PLR0913 - the tool's own parameters
        self,
        action: str,
        coordinate: list[int] | None = None,
        text: str | None = None,
        start_coordinate: list[int] | None = None,
        scroll_direction: str | None = None,
        scroll_amount: int | None = None,
        duration: float | None = None,
        region: list[int] | None = None,
        repeat: int = 1,
        take_screenshot_on_click: bool | None = None,
    ) -> list[mcp_types.ContentBlock]:
        """Do something with mouse or keyboard, or look at the screen.

        Args:
            action: What to do: screenshot, left_click, right_click, middle_click, double_click,
                triple_click, left_click_drag, left_mouse_down, left_mouse_up, mouse_move, type,
                key, hold_key, scroll, wait, cursor_position or zoom.
            coordinate: Where, as [x, y].
            text: The text to type, the key to press, or keys to hold while clicking or scrolling.
            start_coordinate: Where a drag begins, as [x, y].
            scroll_direction: up, down, left or right.
            scroll_amount: How far to scroll, in notches of the wheel.
            duration: Seconds to wait or to hold a key.
            region: What to zoom to, as [x0, y0, x1, y1].
            repeat: How often to press the key.
            take_screenshot_on_click: Whether to show the screen afterwards; it is shown by default.

        Raises:
            ToolError: the action is unknown, or lacks what it needs.
        """
        asked = Asked(
            action=action,
            coordinate=coordinate,
            text=text,
            start_coordinate=start_coordinate,
            scroll=(scroll_direction, scroll_amount),
            duration=duration,
            region=region,
            repeat=repeat,
        )
        look = take_screenshot_on_click is not False
        return (await self.act(to_actions(asked), look=look)).to_content_blocks()


@dataclass(frozen=True)
class Asked:
    """A call of the tool, in Claude's words."""

    action: str
    coordinate: list[int] | None = None
    text: str | None = None
    start_coordinate: list[int] | None = None
    scroll: tuple[str | None, int | None] = (None, None)
    """Direction and notches."""
    duration: float | None = None
    region: list[int] | None = None
    repeat: int = 1


def to_actions(asked: Asked) -> list[Action]:
    """What a call means, in the tools' own words.

    Raises:
        ToolError: the action is unknown, or lacks what it needs.
    """
    if asked.action in CLICKS:
        return [_click(asked)]
    if asked.action in HELD:
        moved = [Action("move", *_point(asked.coordinate))] if asked.coordinate else []
        return [*moved, Action(HELD[asked.action], button="left")]
    if asked.action not in TRANSLATIONS:
        known = ", ".join(sorted([*CLICKS, *HELD, *TRANSLATIONS]))
        raise ToolError(f"unknown action {asked.action!r}; there are: {known}")
    return TRANSLATIONS[asked.action](asked)


def _click(asked: Asked) -> Action:
    button, pattern = CLICKS[asked.action]
    x, y = _point(asked.coordinate) if asked.coordinate else (None, None)
    return Action("click", x, y, button=button, pattern=pattern, hold_keys=_held(asked.text))


def _drag(asked: Asked) -> list[Action]:
    end = _point(asked.coordinate)
    held = _held(asked.text)
    if asked.start_coordinate is not None:
        return [Action("drag", path=[_point(asked.start_coordinate), end], hold_keys=held)]
    return [
        Action("mouse_down", button="left"),
        Action("move", *end),
        Action("mouse_up", button="left"),
    ]


def _scroll(asked: Asked) -> list[Action]:
    direction, notches = asked.scroll
    if direction not in DIRECTIONS:
        raise ToolError(
            f"`scroll_direction` is {direction!r}; it is one of {', '.join(DIRECTIONS)}"
        )
    across, down = DIRECTIONS[direction]
    pixels = (3 if notches is None else notches) * PIXELS_PER_STEP
    x, y = _point(asked.coordinate) if asked.coordinate else (None, None)
    return [
        Action(
            "scroll",
            x,
            y,
            scroll_x=across * pixels,
            scroll_y=down * pixels,
            hold_keys=_held(asked.text),
        )
    ]


def _key(asked: Asked) -> list[Action]:
    if not 1 <= asked.repeat <= MOST_REPEATS:
        raise ToolError(f"`repeat` is {asked.repeat}; it is between 1 and {MOST_REPEATS}")
    presses = list(split_keys(_text(asked)))
    return [Action("press", keys=keys) for keys in presses * asked.repeat]


def _hold_key(asked: Asked) -> list[Action]:
    if asked.duration is None:
        raise ToolError("`hold_key` needs `duration`")
    return [Action("hold_key", text=_text(asked), duration=asked.duration)]


def _wait(asked: Asked) -> list[Action]:
    if asked.duration is None:
        raise ToolError("`wait` needs `duration`")
    return [Action("wait", time=round(asked.duration * 1000))]


def _zoom(asked: Asked) -> list[Action]:
    if asked.region is None or len(asked.region) != 4:
        raise ToolError("`zoom` needs `region`, as [x0, y0, x1, y1]")
    left, upper, right, lower = asked.region
    return [Action("zoom", region=(left, upper, right, lower))]


TRANSLATIONS: dict[str, Callable[[Asked], list[Action]]] = {
    "screenshot": lambda asked: [Action("screenshot")],
    "cursor_position": lambda asked: [Action("position")],
    "mouse_move": lambda asked: [Action("move", *_point(asked.coordinate))],
    "left_click_drag": _drag,
    "type": lambda asked: [Action("write", text=_text(asked))],
    "key": _key,
    "hold_key": _hold_key,
    "scroll": _scroll,
    "wait": _wait,
    "zoom": _zoom,
}


def _point(coordinate: list[int] | None) -> tuple[int, int]:
    if coordinate is None or len(coordinate) != 2:
        raise ToolError(f"the coordinate is {coordinate}; it is [x, y]")
    return coordinate[0], coordinate[1]


def _text(asked: Asked) -> str:
    if asked.text is None:
        raise ToolError(f"`{asked.action}` needs `text`")
    return asked.text


def _held(text: str | None) -> list[str] | None:
    return next(split_keys(text)) if text else None

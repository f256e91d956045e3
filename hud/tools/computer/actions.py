"""What computer tools can do, in one form: each provider's calls become these, and an executor
performs them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from hud.errors import ToolError
from hud.tools.executors.keys import canonical_key
from hud.tools.executors.simulated import BaseExecutor, Button
from hud.tools.types import ContentResult

ActionName = Literal[
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
    "zoom",
]
SILENT = frozenset({"position", "response", "zoom"})
"""Actions after which nobody needs to see the screen, or sees it anyway."""


@dataclass(frozen=True)
class Action:
    """One action; coordinates and distances are pixels of the screen that the agent sees."""

    name: ActionName
    x: int | None = None
    y: int | None = None
    button: Button | None = None
    pattern: list[int] | None = None
    """Milliseconds between more clicks: `[100]` is a double click."""
    text: str | None = None
    keys: list[str] | None = None
    enter_after: bool | None = None
    scroll_x: int | None = None
    scroll_y: int | None = None
    offset_x: int | None = None
    offset_y: int | None = None
    path: list[tuple[int, int]] | None = None
    time: int | None = None
    """Milliseconds."""
    hold_keys: list[str] | None = None
    duration: float | None = None
    """Seconds."""
    region: tuple[int, int, int, int] | None = None
    """Left, upper, right and lower edge."""


@dataclass(frozen=True)
class Scale:
    """From the screen that the agent sees to the display: factors of width and height."""

    x: float = 1.0
    y: float = 1.0

    def to_display(self, action: Action) -> Action:
        """The action in pixels of the display."""
        region, path = action.region, action.path
        return replace(
            action,
            x=_times(action.x, self.x),
            y=_times(action.y, self.y),
            scroll_x=_times(action.scroll_x, self.x),
            scroll_y=_times(action.scroll_y, self.y),
            offset_x=_times(action.offset_x, self.x),
            offset_y=_times(action.offset_y, self.y),
            path=path and [(round(x * self.x), round(y * self.y)) for x, y in path],
            region=region and self._region(region),
        )

    def _region(self, region: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        left, upper, right, lower = region
        return (
            round(left * self.x),
            round(upper * self.y),
            round(right * self.x),
            round(lower * self.y),
        )


async def perform(
    executor: BaseExecutor, actions: Iterable[Action], scale: Scale, *, look: bool = True
) -> ContentResult:
    """Perform actions one after the other; the screen is looked at after the last, if at all.

    Raises:
        ToolError: an action lacks what it needs.
    """
    result = ContentResult()
    listed = list(actions)
    for position, action in enumerate(listed):
        is_last = position == len(listed) - 1
        shown = look and is_last and action.name not in SILENT
        done = await PERFORMERS[action.name](executor, scale.to_display(action), shown)
        result = replace_image(result, None) + done
    return result


def replace_image(result: ContentResult, image: str | None) -> ContentResult:
    """The result with another picture."""
    return result.model_copy(update={"base64_image": image})


async def _click(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    given = _given(action, "x", "y", "button", "pattern", "hold_keys")
    return await executor.click(**given, take_screenshot=look)


async def _write(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    text = _needed(action, "text")
    given = _given(action, "enter_after")
    return await executor.write(text, **given, take_screenshot=look)


async def _press(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    return await executor.press(_keys(action), take_screenshot=look)


async def _keydown(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    return await executor.keydown(_keys(action), take_screenshot=look)


async def _keyup(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    return await executor.keyup(_keys(action), take_screenshot=look)


async def _scroll(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    given = _given(action, "x", "y", "scroll_x", "scroll_y", "hold_keys")
    return await executor.scroll(**given, take_screenshot=look)


async def _move(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    given = _given(action, "x", "y", "offset_x", "offset_y")
    if not given:
        raise ToolError("`move` needs `x` and `y`, or an offset")
    return await executor.move(**given, take_screenshot=look)


async def _wait(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    return await executor.wait(_needed(action, "time"), take_screenshot=look)


async def _drag(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    path = _needed(action, "path")
    if len(path) < 2:
        raise ToolError("`drag` needs at least two points in `path`")
    given = _given(action, "pattern", "hold_keys")
    return await executor.drag(path, **given, take_screenshot=look)


async def _response(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    return ContentResult(output=_needed(action, "text"))


async def _screenshot(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    shown = await executor.screenshot()
    if shown is None:
        return ContentResult(error="the screen cannot be seen")
    return ContentResult(base64_image=shown)


async def _position(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    return await executor.position()


async def _hold_key(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    key = action.text or "+".join(action.keys or ())
    if not key:
        raise ToolError("`hold_key` needs `text`, the key to hold")
    seconds = _needed(action, "duration")
    return await executor.hold_key(canonical_key(key), seconds, take_screenshot=look)


async def _mouse_down(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    return await executor.mouse_down(**_given(action, "button"), take_screenshot=look)


async def _mouse_up(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    return await executor.mouse_up(**_given(action, "button"), take_screenshot=look)


async def _zoom(executor: BaseExecutor, action: Action, look: bool) -> ContentResult:
    left, upper, right, lower = _needed(action, "region")
    if not (left < right and upper < lower):
        raise ToolError(f"`region` is {action.region}; it is left, upper, right and lower edge")
    return await executor.zoom(left, upper, right, lower)


PERFORMERS: dict[ActionName, Callable[[BaseExecutor, Action, bool], Awaitable[ContentResult]]] = {
    "click": _click,
    "press": _press,
    "keydown": _keydown,
    "keyup": _keyup,
    "write": _write,
    "scroll": _scroll,
    "move": _move,
    "wait": _wait,
    "drag": _drag,
    "response": _response,
    "screenshot": _screenshot,
    "position": _position,
    "hold_key": _hold_key,
    "mouse_down": _mouse_down,
    "mouse_up": _mouse_up,
    "zoom": _zoom,
}


def split_keys(written: str) -> Iterator[list[str]]:
    """Key presses that are written as `ctrl+c` or, one after the other, `ctrl+a Delete`."""
    for press in written.split() or [written]:
        is_plus = press == "+" or press.endswith("++")
        named = press.removesuffix("+").removesuffix("+") if is_plus else press
        parts = [*filter(None, named.split("+")), *(["+"] if is_plus else [])]
        yield [canonical_key(part) for part in parts]


def _keys(action: Action) -> list[str]:
    keys = _needed(action, "keys")
    if not keys:
        raise ToolError(f"`{action.name}` needs `keys`")
    return [canonical_key(key) for key in keys]


def _given(action: Action, *names: str) -> dict[str, Any]:
    values = {name: getattr(action, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _needed(action: Action, name: str) -> Any:
    value = getattr(action, name)
    if value is None:
        raise ToolError(f"`{action.name}` needs `{name}`")
    return value


def _times(value: int | None, factor: float) -> int | None:
    return None if value is None else round(value * factor)

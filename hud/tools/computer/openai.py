"""The computer tool in the form of OpenAI's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import mcp_types
from pydantic import BaseModel, ValidationError

from hud.errors import ToolError
from hud.tools.computer.actions import Action
from hud.tools.computer.hud import HudComputerTool
from hud.tools.executors.keys import canonical_key
from hud.tools.executors.simulated import Button
from hud.tools.types import Coordinate
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs

ActionType = Literal[
    "screenshot",
    "click",
    "double_click",
    "scroll",
    "type",
    "wait",
    "move",
    "keypress",
    "drag",
    "response",
]
BUTTONS: dict[str, Button] = {
    "left": "left",
    "right": "right",
    "middle": "middle",
    "wheel": "middle",
    "back": "back",
    "forward": "forward",
}
WAIT_MS = 1000


class OpenAIComputerTool(HudComputerTool):
    """Control computer with mouse, keyboard, and screenshots"""

    name = "openai_computer"
    title = "OpenAI Computer Tool"
    prefix = "OPENAI"
    native_specs: ClassVar[NativeToolSpecs] = {
        AgentType.OPENAI: NativeToolSpec(
            api_type="computer",
            api_name="computer",
            role="computer",
            supported_models=("gpt-5.4*",),
        ),
        AgentType.OPERATOR: NativeToolSpec(
            api_type="computer_use_preview", api_name="computer", role="computer"
        ),
    }

    async def __call__(  # type: ignore[override]  # noqa: PLR0913 - the tool's own parameters
        self,
        type: ActionType | None = None,
        x: int | None = None,
        y: int | None = None,
        button: Literal["left", "right", "middle", "wheel", "back", "forward"] | None = None,
        text: str | None = None,
        scroll_x: int | None = None,
        scroll_y: int | None = None,
        ms: int | None = None,
        keys: list[str] | None = None,
        path: list[Coordinate] | None = None,
        actions: list[dict[str, Any]] | None = None,
    ) -> list[mcp_types.ContentBlock]:
        """Do something with mouse or keyboard, or look at the screen.

        Args:
            type: What to do.
            x: X coordinate for click, move and scroll.
            y: Y coordinate for click, move and scroll.
            button: Mouse button.
            text: Text to type, or of a response.
            scroll_x: Pixels to scroll to the right.
            scroll_y: Pixels to scroll down.
            ms: Milliseconds to wait.
            keys: Keys to press together.
            path: Points to drag along.
            actions: Several actions, each with these fields; the screen is shown after the last.

        Raises:
            ToolError: an action is unknown, or lacks what it needs.
        """
        single = {
            "type": type,
            **{"x": x, "y": y, "button": button, "text": text, "ms": ms},
            **{"scroll_x": scroll_x, "scroll_y": scroll_y, "keys": keys, "path": path},
        }
        asked = [Asked.read(item) for item in (actions if actions is not None else [single])]
        if not asked:
            raise ToolError("`actions` is empty")
        return (await self.act([to_action(item) for item in asked])).to_content_blocks()


class Asked(BaseModel):
    """One action, in OpenAI's words."""

    type: str | None = None
    x: int | None = None
    y: int | None = None
    button: str | None = None
    text: str | None = None
    scroll_x: int | None = None
    scroll_y: int | None = None
    ms: int | None = None
    keys: list[str] | None = None
    path: list[Coordinate] | None = None

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Asked:
        """The action that fields describe.

        Raises:
            ToolError: they describe none.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as exc:
            raise ToolError(f"{dict(fields)!r} is no action: {exc.errors()[0]['msg']}") from exc


def to_action(asked: Asked) -> Action:
    """What an action means, in the tools' own words.

    Raises:
        ToolError: it is unknown.
    """
    if asked.type not in TRANSLATIONS:
        raise ToolError(
            f"unknown action {asked.type!r}; there are: {', '.join(map(str, TRANSLATIONS))}"
        )
    return TRANSLATIONS[asked.type](asked)


def _click(asked: Asked) -> Action:
    return Action("click", asked.x, asked.y, button=_button(asked.button), hold_keys=_keys(asked))


def _double_click(asked: Asked) -> Action:
    return Action("click", asked.x, asked.y, button="left", pattern=[100], hold_keys=_keys(asked))


def _scroll(asked: Asked) -> Action:
    return Action(
        "scroll",
        asked.x,
        asked.y,
        scroll_x=asked.scroll_x,
        scroll_y=asked.scroll_y,
        hold_keys=_keys(asked),
    )


def _drag(asked: Asked) -> Action:
    path = [(point.x, point.y) for point in asked.path or ()]
    return Action("drag", path=path, hold_keys=_keys(asked))


TRANSLATIONS: dict[str | None, Callable[[Asked], Action]] = {
    "screenshot": lambda asked: Action("screenshot"),
    "click": _click,
    "double_click": _double_click,
    "scroll": _scroll,
    "type": lambda asked: Action("write", text=asked.text),
    "wait": lambda asked: Action("wait", time=WAIT_MS if asked.ms is None else asked.ms),
    "move": lambda asked: Action("move", asked.x, asked.y),
    "keypress": lambda asked: Action("press", keys=_keys(asked)),
    "drag": _drag,
    "response": lambda asked: Action("response", text=asked.text),
}


def _button(name: str | None) -> Button:
    if name is not None and name not in BUTTONS:
        raise ToolError(f"unknown mouse button {name!r}; there are: {', '.join(BUTTONS)}")
    return BUTTONS[name or "left"]


def _keys(asked: Asked) -> list[str] | None:
    return [canonical_key(key) for key in asked.keys] if asked.keys else None

"""Functions that say what a board is worth."""

from __future__ import annotations

from hud.server import MCPRouter
from hud.tools.types import EvaluationResult

from . import shared

evaluate = MCPRouter(name="evaluate")


@evaluate.tool
async def evaluate_filled(text: str) -> EvaluationResult:
    """How many squares have the text."""
    squares = shared.board.get_squares()
    right = sum(value == text for value in squares.values())
    return EvaluationResult(reward=right / len(squares), done=True, info={"right": right})


@evaluate.tool(name="evaluate_any")
async def any_filled() -> float:
    """Whether any square has a text."""
    return float(any(shared.board.get_squares().values()))

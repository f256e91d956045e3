"""The board, in a process of its own: it outlives the servers that use it."""

from __future__ import annotations

import asyncio

from hud.server.context import run_context_server


class Board:
    """Squares that are blank or filled."""

    def __init__(self) -> None:
        self.squares: dict[str, str] = {}

    def clear(self, names: list[str]) -> int:
        self.squares = dict.fromkeys(names, "")
        return len(self.squares)

    def fill(self, name: str, text: str) -> None:
        if name not in self.squares:
            raise KeyError(name)
        self.squares[name] = text

    def get_squares(self) -> dict[str, str]:
        return self.squares


if __name__ == "__main__":
    asyncio.run(run_context_server(Board()))

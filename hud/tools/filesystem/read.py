"""Reading files: text by pages with line numbers, images as images."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import mcp_types

from hud.errors import ToolError
from hud.tools.filesystem.tool import FilesystemTool
from hud.tools.system.user import in_thread
from hud.tools.system.workspace import printable

MAX_LINES = 2000
MAX_LINE_LENGTH = 2000
MAX_CHARACTERS = 64_000
"""Of one page, whatever its lines."""
IMAGES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""Media types by what the file begins with; a name may say anything."""

Block = mcp_types.TextContent | mcp_types.ImageContent


class ReadTool(FilesystemTool):
    """Reads a file: text with line numbers, images as images.

    Long lines are cut, long files come in pages.
    """

    name = "read"
    title = "Read"

    def __init__(self, base_path: str | Path = ".", **described: Any) -> None:
        """Make the tool; only files below `base_path` can be read."""
        super().__init__(base_path, **described)

    async def __call__(
        self, filePath: str, offset: int | None = None, limit: int | None = None
    ) -> list[mcp_types.TextContent | mcp_types.ImageContent]:
        """Read a file.

        Args:
            filePath: The file, as an absolute path or from the tool's folder.
            offset: Lines to leave out at the beginning.
            limit: Lines to read.

        Raises:
            ToolError: it does not exist, is elsewhere, or is neither text nor an image.
        """
        content = await in_thread(self.workspace.read, self.resolve_path(filePath))
        image = as_image(content)
        if image is not None:
            return [image]
        lines = text_lines(content, filePath)
        page = cut_page(lines, max(offset or 0, 0), limit or MAX_LINES)
        first, last = (offset or 0) + 1, (offset or 0) + len(page)
        numbered = "\n".join(f"{number:05}| {line}" for number, line in enumerate(page, first))
        if last < len(lines):
            note = f"(File has more lines. Use 'offset' parameter to read beyond line {last})"
        else:
            note = f"(End of file - total {len(lines)} lines)"
        return [mcp_types.TextContent(text=f"<file>\n{numbered}\n\n{note}\n</file>")]


def as_image(content: bytes) -> mcp_types.ImageContent | None:
    """The image that a file holds, or None if it holds none that models take."""
    found = (kind for start, kind in IMAGES.items() if content.startswith(start))
    is_webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    mime_type = next(found, "image/webp" if is_webp else None)
    if mime_type is None:
        return None
    return mcp_types.ImageContent(data=base64.b64encode(content).decode(), mime_type=mime_type)


def text_lines(content: bytes, path: str) -> list[str]:
    """The lines of a text file.

    Raises:
        ToolError: it is no text.
    """
    if b"\0" in content[:8192]:
        raise ToolError(f"`{path}` is a binary file of {len(content):,} bytes")
    text = printable(content.decode("utf-8", "surrogateescape"))
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def cut_page(lines: list[str], offset: int, limit: int) -> list[str]:
    """The lines of a page, each of them and all together not too long."""
    page: list[str] = []
    room = MAX_CHARACTERS
    for line in lines[offset : offset + limit]:
        line = line if len(line) <= MAX_LINE_LENGTH else f"{line[:MAX_LINE_LENGTH]}…"
        room -= len(line) + 1
        if room < 0 and page:
            break
        page.append(line)
    return page

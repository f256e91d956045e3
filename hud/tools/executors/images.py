"""Pictures of the screen: made up where there is none, cut and scaled where there is one."""

from __future__ import annotations

import base64
import importlib
import io
import struct
import zlib
from typing import Any

from hud.errors import UserError

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def blank(width: int, height: int) -> str:
    """A white picture as a PNG in base64."""
    rows = (b"\0" + b"\xff" * ((width + 7) // 8)) * height
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return base64.b64encode(SIGNATURE + b"".join(map(_chunk, chunks))).decode()


def size(image: str) -> tuple[int, int] | None:
    """Width and height of a PNG in base64, or None if it is none."""
    start = base64.b64decode(image[:64])
    if not start.startswith(SIGNATURE):
        return None
    width, height = struct.unpack(">II", start[16:24])
    return width, height


def scaled(image: str, width: int, height: int, *, quality: int | None = None) -> str:
    """The picture in another size; with a `quality` (1 to 95) as a JPEG. A made-up one is made up
    again.

    Raises:
        UserError: Pillow is not installed.
    """
    if _is_blank(image):
        return blank(width, height)
    if size(image) == (width, height) and quality is None:
        return image
    picture = _open(image).resize((width, height))
    return _written(picture, quality)


def cut(
    image: str, region: tuple[int, int, int, int], target: tuple[int, int] | None = None
) -> str:
    """The part of a picture between two corners (left, upper, right, lower), scaled to `target`.

    Raises:
        UserError: Pillow is not installed.
    """
    if _is_blank(image):
        return blank(*(target or (region[2] - region[0], region[3] - region[1])))
    picture = _open(image).crop(region)
    return _written(picture.resize(target) if target else picture, None)


def _is_blank(image: str) -> bool:
    """Whether a picture is one of ours: no screen has two colours."""
    start = base64.b64decode(image[:64])
    return start.startswith(SIGNATURE) and start[24:26] == b"\x01\x00"


def _chunk(chunk: tuple[bytes, bytes]) -> bytes:
    kind, data = chunk
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def _open(image: str) -> Any:
    try:
        pillow = importlib.import_module("PIL.Image")
    except ModuleNotFoundError as exc:
        raise UserError(
            "scaling screenshots needs the package `pillow`",
            hint="pip install 'hud-local[computer]', or pass rescale_images=False",
        ) from exc
    return pillow.open(io.BytesIO(base64.b64decode(image)))


def _written(picture: Any, quality: int | None) -> str:
    written = io.BytesIO()
    if quality is None:
        picture.save(written, "PNG")
    else:
        picture.convert("RGB").save(written, "JPEG", quality=quality)
    return base64.b64encode(written.getvalue()).decode()

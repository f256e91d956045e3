"""Images are shown only if they are some, and nothing but their pixels."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from dashboard.components.content import MAX_BYTES, NotAnImage, checked_image


def _picture(kind: str, size: tuple[int, int] = (40, 20)) -> str:
    out = io.BytesIO()
    Image.new("RGB", size, "#3b5bdb").save(out, kind)
    return base64.b64encode(out.getvalue()).decode()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_each_kind_of_picture_becomes_a_png(kind: str) -> None:
    with Image.open(io.BytesIO(checked_image(_picture(kind)))) as shown:
        assert (shown.format, shown.size) == ("PNG", (40, 20))


def test_what_follows_the_pixels_is_dropped() -> None:
    smuggled = base64.b64decode(_picture("PNG")) + b"<script>alert(1)</script>"
    assert b"script" not in checked_image(base64.b64encode(smuggled).decode())


def test_a_large_picture_is_scaled_down() -> None:
    with Image.open(io.BytesIO(checked_image(_picture("PNG", (3200, 400))))) as shown:
        assert shown.size == (1600, 200)


SVG = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>').decode()
CUT = base64.b64encode(base64.b64decode(_picture("PNG"))[:60]).decode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (SVG, "no PNG, JPEG, GIF or WebP"),
        (_picture("BMP"), "no PNG, JPEG, GIF or WebP"),
        (CUT, "no PNG, JPEG, GIF or WebP"),
        ("https://evil.example/x.png", "no base64"),
        ("", "no PNG"),
        ("A" * (MAX_BYTES * 2), "more than 8 MiB"),
        (_picture("PNG", (6000, 5000)), "6000 × 5000 pixels"),
    ],
    ids=["svg", "bmp", "cut off", "address", "nothing", "many bytes", "many pixels"],
)
def test_everything_else_is_refused(data: str, reason: str) -> None:
    with pytest.raises(NotAnImage, match=reason):
        checked_image(data)

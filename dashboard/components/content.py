"""What tools answer, as MCP describes it: text, structured values, and images after a check."""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from PIL import Image

from dashboard.components.plain import cleaned, escaped, folded

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
MAX_BYTES = 8 * 1024 * 1024
"""How large an image may be as it comes."""
MAX_PIXELS = 24_000_000
SHOWN_PIXELS = (1600, 1600)
"""Larger images are scaled down to fit."""
MAX_TEXT = 100_000
"""Characters of one text that are shown."""


class NotAnImage(ValueError):
    """What calls itself an image is none that is shown; the message says why."""


def show_content(blocks: Sequence[Mapping[str, Any]], lines: int = 12) -> None:
    """The blocks of a tool's answer, one below the other; long texts folded to `lines`."""
    for block in blocks:
        _show_block(block, lines)


def show_text(text: str, lines: int = 12, language: str | None = None) -> None:
    """A text as it is, in a box; what follows its first `lines` lines is behind a click."""
    text = cleaned(text[:MAX_TEXT])
    first, more = folded(text, lines)
    st.code(first or " ", language=language, wrap_lines=True)
    if more:
        with st.expander(f"{more} more {'line' if more == 1 else 'lines'}"):
            st.code(text, language=language, wrap_lines=True, height=420)


def show_value(value: Any, lines: int = 12) -> None:
    """A structured value as JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    show_text(text, lines, language="json")


def show_image(data: str, about: str = "image") -> None:
    """An image in base64, if it is one; otherwise a line that says why it is not shown."""
    try:
        picture = checked_image(data)
    except NotAnImage as exc:
        st.caption(f":material/broken_image: {escaped(about)} is not shown: {escaped(exc)}")
        return
    st.image(picture, alt=cleaned(about))


@st.cache_data(max_entries=64, show_spinner=False)
def checked_image(data: str) -> bytes:
    """The picture in base64 text, drawn anew as PNG: nothing but its first frame's pixels is kept.

    Raises:
        NotAnImage: it is no PNG, JPEG, GIF or WebP, or too large.
    """
    if len(data) > MAX_BYTES * 4 // 3 + 4:
        raise NotAnImage(f"it has more than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        raw = base64.b64decode(data, validate=True)
        with Image.open(io.BytesIO(raw), formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise NotAnImage(f"it has {opened.width} × {opened.height} pixels")
            return _as_png(opened)
    except binascii.Error:
        raise NotAnImage("it is no base64 text") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as exc:
        if isinstance(exc, NotAnImage):
            raise
        raise NotAnImage("it is no PNG, JPEG, GIF or WebP image") from None


def _as_png(opened: Image.Image) -> bytes:
    drawn = opened.convert(
        "RGBA" if "A" in opened.getbands() or "transparency" in opened.info else "RGB"
    )
    drawn.thumbnail(SHOWN_PIXELS)
    out = io.BytesIO()
    drawn.save(out, format="PNG")
    return out.getvalue()


def _show_block(block: Mapping[str, Any], lines: int) -> None:
    match block.get("type"):
        case "text":
            show_text(str(block.get("text", "")), lines)
        case "image":
            show_image(str(block.get("data", "")))
        case "resource":
            _show_resource(block.get("resource") or {}, lines)
        case "resource_link":
            st.caption(f":material/link: resource {escaped(block.get('uri', ''))}")
        case "audio":
            kind = escaped(block.get("mimeType") or block.get("mime_type") or "audio")
            st.caption(f":material/volume_up: {kind} \\({_size(str(block.get('data', '')))}\\)")
        case _:
            show_value(dict(block), lines)


def _show_resource(resource: Mapping[str, Any], lines: int) -> None:
    st.caption(f":material/description: resource {escaped(resource.get('uri', ''))}")
    kind = str(resource.get("mimeType") or resource.get("mime_type") or "")
    if "text" in resource:
        show_text(str(resource["text"]), lines)
    elif kind.startswith("image/"):
        show_image(str(resource.get("blob", "")))
    else:
        st.caption(f"{escaped(kind or 'binary')} \\({_size(str(resource.get('blob', '')))}\\)")


def _size(base64_text: str) -> str:
    return f"{max(1, len(base64_text) * 3 // 4 // 1024):,} KiB"

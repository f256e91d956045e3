"""Names that the engine accepts, made from names that people give."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from hud.errors import UserError

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*(?::[0-9]+)?/)?"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_REFERENCE = re.compile(
    rf"{_HOST}(?P<name>{_PART}(?:/{_PART})*)(?::{_TAG})?(?:@sha256:[0-9a-f]{{64}})?"
)
_LENGTH = 100


def image_name(folder: str) -> str:
    """A valid image name for a folder's name: `My Env` becomes `my-env`.

    Names whose letters cannot be kept get a short digest, so that two of them stay apart.
    """
    ascii_form = unicodedata.normalize("NFKD", folder).encode("ascii", "ignore").decode()
    name = "-".join(re.findall(r"[a-z0-9]+", ascii_form.lower()))
    foreign = any(character.isalnum() for character in folder if not _has_ascii(character))
    if foreign or not name or len(name) > _LENGTH:
        digest = hashlib.sha256(folder.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        name = f"{name[:_LENGTH] or 'env'}-{digest}"
    return f"env-{name}" if re.fullmatch(r"[0-9a-f]{64}", name) else name


def _has_ascii(character: str) -> bool:
    return bool(unicodedata.normalize("NFKD", character).encode("ascii", "ignore"))


def image_reference(text: str) -> str:
    """An image's name as a user gave it, with `:latest` where it has no tag.

    Raises:
        UserError: the engine would not accept it.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None or len(text) > 255:
        raise UserError(f"{text!r} is not a name for an image", hint=f"try `{_suggestion(text)}`")
    return text if text[match.end("name") :] else f"{text}:latest"


def _suggestion(text: str) -> str:
    name, _, tag = text.rpartition(":")
    return f"{image_name(name)}:{tag}" if name and re.fullmatch(_TAG, tag) else image_name(text)

"""Names of keys: of the many ways in which models write them, the one that the tools use, and X's
own.
"""

from __future__ import annotations

CANONICAL = {
    "control": "ctrl",
    "ctl": "ctrl",
    "cmd": "super",
    "command": "super",
    "meta": "super",
    "win": "super",
    "windows": "super",
    "option": "alt",
    "opt": "alt",
    "return": "enter",
    "esc": "escape",
    "del": "delete",
    "ins": "insert",
    "back": "backspace",
    "bksp": "backspace",
    "spacebar": "space",
    " ": "space",
    "pgup": "pageup",
    "page_up": "pageup",
    "prior": "pageup",
    "pgdn": "pagedown",
    "page_down": "pagedown",
    "next": "pagedown",
    "arrowup": "up",
    "arrowdown": "down",
    "arrowleft": "left",
    "arrowright": "right",
    "uparrow": "up",
    "downarrow": "down",
    "leftarrow": "left",
    "rightarrow": "right",
    "caps": "capslock",
    "caps_lock": "capslock",
    "prtsc": "printscreen",
    "print": "printscreen",
}
X_NAMES = {
    "ctrl": "ctrl",
    "super": "super",
    "alt": "alt",
    "shift": "shift",
    "enter": "Return",
    "escape": "Escape",
    "delete": "Delete",
    "insert": "Insert",
    "backspace": "BackSpace",
    "tab": "Tab",
    "space": "space",
    "pageup": "Page_Up",
    "pagedown": "Page_Down",
    "home": "Home",
    "end": "End",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "capslock": "Caps_Lock",
    "printscreen": "Print",
    "-": "minus",
    "+": "plus",
    "=": "equal",
    ",": "comma",
    ".": "period",
    "/": "slash",
    ";": "semicolon",
    "'": "apostrophe",
    "[": "bracketleft",
    "]": "bracketright",
    "\\": "backslash",
    "`": "grave",
}


def canonical_key(key: str) -> str:
    """The name that the tools use: `ctrl`, `enter`, `pageup`; letters stay as they are."""
    if len(key) == 1 and key != " ":
        return key
    lowered = key.strip().lower() or " "
    return CANONICAL.get(lowered, lowered)


def xdo_key(key: str) -> str:
    """The name that `xdotool` takes."""
    name = canonical_key(key)
    if name in X_NAMES:
        return X_NAMES[name]
    is_function_key = name[:1] == "f" and name[1:].isdecimal()
    return name.upper() if is_function_key else key if len(key) > 1 else name

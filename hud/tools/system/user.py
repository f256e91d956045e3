"""Whose rights tools have: this process's own, or those of the user that `HUD_TOOLS_USER` names.

The setting has an effect for root only, who alone can act for others: as `1000`, `1000:1000` or a
name.
"""

from __future__ import annotations

import ctypes
import os
import platform
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio.to_thread

from hud.errors import UserError
from hud.settings import variable

T = TypeVar("T")

SETTING = "HUD_TOOLS_USER"
SETGROUPS = {"x86_64": 116, "aarch64": 159, "arm64": 159}
"""Number of the system call, which for a single thread the C library does not wrap."""


@dataclass(frozen=True)
class ToolUser:
    """The user that tools act as."""

    uid: int
    gid: int

    @property
    def for_process(self) -> dict[str, Any]:
        """Options of a new process."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that tell a program who it is."""
        try:
            entry = pwd.getpwuid(self.uid)
        except KeyError:
            return {"HOME": "/"}
        return {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name}


def tool_user() -> ToolUser | None:
    """The user that the setting names; None where it is not set or this process is not root's.

    Raises:
        UserError: there is no such user.
    """
    asked = variable(SETTING)
    if not asked or os.geteuid() != 0:
        return None
    name, colon, group = asked.partition(":")
    try:
        if name.isdecimal():
            return ToolUser(int(name), int(group) if colon else int(name))
        entry = pwd.getpwnam(name)
        return ToolUser(entry.pw_uid, int(group) if colon else entry.pw_gid)
    except (KeyError, ValueError) as exc:
        raise UserError(f"{SETTING} is {asked!r}, which is no user here", hint="1000:1000") from exc


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """Call a blocking function in a worker thread, with the rights that tools have."""
    return await anyio.to_thread.run_sync(_with_rights, function, *args)


def _with_rights(function: Callable[..., T], *args: Any) -> T:
    user = tool_user()
    with _acting(user) if user else nullcontext():
        return function(*args)


@contextmanager
def _acting(user: ToolUser) -> Iterator[None]:
    """Touch files as `user`, in this thread alone: what the kernel calls the file system's user."""
    libc, groups = _linux(), os.getgroups()
    _set_groups(libc, [])
    libc.setfsgid(user.gid)
    libc.setfsuid(user.uid)
    try:
        yield
    finally:
        libc.setfsuid(0)
        libc.setfsgid(0)
        _set_groups(libc, groups)


def _linux() -> ctypes.CDLL:
    if platform.system() != "Linux" or platform.machine() not in SETGROUPS:
        raise UserError(f"{SETTING} works on Linux only", hint=f"unset {SETTING}")
    return ctypes.CDLL(None, use_errno=True)


def _set_groups(libc: ctypes.CDLL, groups: list[int]) -> None:
    listed = (ctypes.c_uint32 * len(groups))(*groups)
    number = SETGROUPS[platform.machine()]
    if libc.syscall(ctypes.c_long(number), ctypes.c_size_t(len(groups)), listed) != 0:
        code = ctypes.get_errno()
        raise UserError(f"{SETTING}: cannot change groups: {os.strerror(code)}")

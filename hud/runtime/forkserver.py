"""A process that forks children on order: single-threaded and without an event loop, so that
forking is safe.

1. Orders arrive on a control socket, one JSON object a line, descriptors beside them; `kill` is
   answered here, the others by the handlers that the server was given.
2. A child is a process group of its own that dies with the server; what it leaves running is killed
   when it exits, in sessions of its own too, where the kernel hands over orphans.
3. Events go back the same way: `exited` with the status of each child that ended.
4. The end of the control socket ends the server and everything that it started.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent dies."""
PR_SET_CHILD_SUBREAPER = 36
"""prctl(2): orphans below this process become its children."""
FORK_SAFE_LIBRARIES = ("openblas", "libmkl", "libgomp", "libiomp", "libomp")
"""Thread pools that restart themselves in a forked child."""
CRASHED = 70
"""Exit status of a child in which our own code raised (EX_SOFTWARE of sysexits.h)."""
CANNOT_FORK = 71
"""Exit status that is told where there is no child at all (EX_OSERR)."""
ROUNDS = 100
"""How often descendants are looked for at the end: they may start others while they are killed."""

Order = dict[str, Any]


class ForkServer:
    """Obeys orders, forks, and reports what became of the children."""

    def __init__(
        self, control: socket.socket, handlers: Mapping[str, Callable[[Order], None]]
    ) -> None:
        self._control = control
        self._handlers = {"kill": self._kill, **handlers}
        self._children: dict[int, int] = {}
        self._own: frozenset[int] | None = None
        self._buffer = b""
        self._descriptors: list[int] = []
        self._libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._wakeup_read, self._wakeup_write = os.pipe()

    def serve(self) -> None:
        """Work until the control socket ends."""
        self._adopt_orphans()
        os.set_blocking(self._wakeup_read, False)
        os.set_blocking(self._wakeup_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        control = self._control.fileno()
        while True:
            readable, _, _ = select.select([control, self._wakeup_read], [], [])
            if self._wakeup_read in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wakeup_read, 4096)
                self._reap()
            if control in readable and not self._receive():
                kill_descendants()
                return

    def _receive(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, 65536, 64)
        except ConnectionResetError:  # closed with events of ours unread
            return False
        if not data:
            return False
        self._descriptors += descriptors
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            self._handlers[order["op"]](order)
        return True

    def tell(self, **event: Any) -> None:
        """Send an event to whoever gives the orders; nothing if nobody does any more."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._control.sendall(json.dumps(event).encode() + b"\n")

    def take(self) -> int:
        """The next descriptor that came with the orders."""
        return self._descriptors.pop(0)

    def fork(self, child_id: int, run: Callable[[], None], close: list[int]) -> None:
        """Fork a child that calls `run` and exits; `close` are descriptors that only the child
        needs.
        """
        if self._own is None:
            self._own = frozenset(_children())
        try:
            pid = os.fork()
        except OSError as exc:
            sys.stderr.write(f"cannot fork: {exc.strerror}\n")
            self.tell(event="exited", id=child_id, status=CANNOT_FORK)
        else:
            if pid == 0:
                self._become_child(run)
            self._children[pid] = child_id
            self.tell(event="forked", id=child_id, pid=pid)
        for descriptor in close:
            os.close(descriptor)

    def _become_child(self, run: Callable[[], None]) -> None:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            os.close(self._wakeup_read)
            os.close(self._wakeup_write)
            self.detach()
            run()
        except BaseException:  # noqa: BLE001 - nothing may return into the server's loop
            traceback.print_exc()
            leave(CRASHED)
        leave(0)

    def detach(self) -> None:
        """Become a process group of its own that dies with its parent."""
        with contextlib.suppress(PermissionError):  # this process leads one already
            os.setsid()
        self._adopt_orphans()
        self.die_with_parent(signal.SIGKILL)

    def die_with_parent(self, number: int) -> None:
        """Ask for this signal when the parent ends; 0 for none."""
        if self._libc is not None:
            self._libc.prctl(PR_SET_PDEATHSIG, number)

    def _adopt_orphans(self) -> None:
        if self._libc is not None:
            self._libc.prctl(PR_SET_CHILD_SUBREAPER, 1)

    def _reap(self) -> None:
        """Report every child that ended, and kill what it left running."""
        while self._children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            child_id = self._children.pop(pid, None)
            self._kill_orphans()
            if child_id is not None:
                self.tell(event="exited", id=child_id, status=os.waitstatus_to_exitcode(status))

    def _kill(self, order: Order) -> None:
        number = order.get("signal", signal.SIGKILL)
        for pid, child_id in self._children.items():
            if child_id == order["id"]:
                _signal_group(pid, number)

    def _kill_orphans(self) -> None:
        """Kill what children that ended have left: nothing else becomes a child of this process by
        itself.
        """
        for pid in _children():
            if pid not in self._children and pid not in (self._own or ()):
                _signal_group(pid, signal.SIGKILL)


def fork_hazard() -> str | None:
    """Why forking now would be unsafe, or None: threads other than this one do not survive a
    fork.
    """
    if not hasattr(os, "fork") or sys.platform == "darwin":
        return "this platform cannot fork safely"
    threads = [
        thread.name for thread in threading.enumerate() if thread is not threading.main_thread()
    ]
    if threads:
        return f"the module starts the thread `{threads[0]}` when it is imported"
    native = len(os.listdir("/proc/self/task")) - 1 if Path("/proc/self/task").is_dir() else 0
    if native and not any(
        name in Path("/proc/self/maps").read_text() for name in FORK_SAFE_LIBRARIES
    ):
        return f"a library starts {native} threads when it is imported"
    return None


def kill_descendants() -> None:
    """Kill everything that this process started, as far as the kernel says what that is."""
    for _ in range(ROUNDS):
        left = _children()
        for pid in left:
            _signal_group(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        if not left:
            return


def _children() -> list[int]:
    """This process's children, where the kernel lists them."""
    try:
        return [int(pid) for pid in Path("/proc/thread-self/children").read_text().split()]
    except OSError:
        return []


def leave(status: int) -> None:
    """Leave without the interpreter's teardown: the process is a copy, and its memory goes with
    it.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _signal_group(pid: int, number: int) -> None:
    """Signal a child's process group; the child alone where it is not yet the leader of one."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)

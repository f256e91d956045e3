"""Tells the controller of a local evaluation while it runs, from a thread of its own. Whatever
becomes of the controller, the evaluation neither waits for it nor fails.
"""

from __future__ import annotations

import importlib
import logging
import socket
import threading
import time
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from hud.errors import HudError
from hud.eval.outbox import Outbox, Receiver
from hud.settings import controller_token, get_settings

logger = logging.getLogger(__name__)

Arrival = Literal["wholly", "partly", "not at all"]
PAUSE = 0.5
"""Seconds between two looks for news."""
BACKOFF = 5.0
"""Seconds to wait after the controller did not take something."""
FAREWELL = 3.0
"""Seconds that the end of an evaluation waits for its last rollouts to arrive."""
SILENT = 1.5
"""Seconds after which a controller that says nothing is not waited for."""


def begin(results: Path, job: str, taskset: str | None = None) -> Recording | None:
    """Record a job that begins; None where this machine knows no controller."""
    if controller_token() is None:
        return None
    recording = Recording(results, job, taskset)
    recording.start()
    return recording


def send_waiting(results: Path, client: Receiver) -> int:
    """Send what earlier evaluations could not; how many jobs are still waiting.

    Raises:
        HudError: the controller does not take them.
    """
    outbox = Outbox(results)
    for job in outbox.waiting():
        with outbox.sending(job) as may_send:
            if may_send:
                outbox.send(client, job, is_over=True)
    return len(outbox.waiting())


class Recording:
    """The recording of one job."""

    def __init__(self, results: Path, job: str, taskset: str | None) -> None:
        self._outbox = Outbox(results)
        self._job = job
        self._taskset = taskset
        self._is_over = threading.Event()
        self._asking_since: float | None = None
        self._is_complete = self._was_reached = False
        self._client: Receiver | None = None
        # The process does not wait for it: a controller may hang.
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        try:
            self._outbox.add(self._job, self._taskset)
        except OSError as exc:
            logger.info("the job is not recorded: %s", exc)
            self._is_over.set()
            self._is_complete = True
            return
        self._thread.start()

    def finish(self) -> Arrival:
        """The job has ended and its folder is complete: send the rest; how much has arrived.

        Waits at most `FAREWELL` seconds, and not at all for a controller that hangs.
        """
        self._is_over.set()
        deadline = time.monotonic() + FAREWELL
        while self._thread.is_alive() and time.monotonic() < deadline and not self._hangs():
            self._thread.join(0.05)
        if self._is_complete:
            return "wholly"
        return "partly" if self._was_reached else "not at all"

    def _hangs(self) -> bool:
        since = self._asking_since
        return since is not None and time.monotonic() - since > SILENT

    def _run(self) -> None:
        try:
            self._send_until_over()
        except Exception:  # whatever it is, it is not the evaluation's
            logger.info("the job is not recorded", exc_info=True)

    def _send_until_over(self) -> None:
        with self._outbox.sending(self._job) as may_send:
            is_over = not may_send
            while not is_over:
                is_over = self._is_over.is_set()
                is_reached = self._send(is_over=is_over)
                if not is_over:
                    self._is_over.wait(PAUSE if is_reached else BACKOFF)

    def _send(self, *, is_over: bool) -> bool:
        """Send what there is; whether the controller took it."""
        if self._client is None:
            self._client = _client()
        if self._client is None or not self._try(self._client, self._job, is_over=is_over):
            return False
        self._send_older(self._client)
        return True

    def _try(self, client: Receiver, job: str, *, is_over: bool) -> bool:
        """Send what there is of a job; whether the controller took it."""
        self._asking_since = time.monotonic()
        try:
            is_complete = self._outbox.send(client, job, is_over=is_over)
        except HudError as exc:
            logger.info("the controller does not take job %s: %s", job, exc.message)
            return False
        finally:
            self._asking_since = None
        self._was_reached = True
        if job == self._job:
            self._is_complete = is_complete
        return True

    def _send_older(self, client: Receiver) -> None:
        """Send what earlier evaluations left, unless another process does."""
        for job in self._outbox.waiting():
            if job == self._job:
                continue
            with self._outbox.sending(job) as may_send:
                if may_send and not self._try(client, job, is_over=True):
                    return


def _client() -> Receiver | None:
    """The controller's client; None, and nothing of it is loaded, where nobody listens."""
    address = urlsplit(get_settings().controller_url)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), SILENT).close()
    except (OSError, ValueError):
        return None
    # The client stands above evaluation; it is loaded only here, in the thread, while rollouts run.
    client: Receiver = importlib.import_module("hud.client").Client()
    return client

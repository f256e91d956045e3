"""Tells the controller of a local evaluation while it runs, from a thread of its own. Whatever
becomes of the controller, the evaluation neither waits for it nor fails.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from hud.client.client import Client
from hud.client.outbox import Outbox
from hud.errors import HudError
from hud.settings import controller_token

logger = logging.getLogger(__name__)

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


def send_waiting(results: Path, client: Client) -> int:
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
        self._is_complete = False
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

    def finish(self) -> bool:
        """The job has ended and its folder is complete: send the rest; whether all has arrived.

        Waits at most `FAREWELL` seconds, and not at all for a controller that hangs.
        """
        self._is_over.set()
        deadline = time.monotonic() + FAREWELL
        while self._thread.is_alive() and time.monotonic() < deadline and not self._hangs():
            self._thread.join(0.05)
        return self._is_complete

    def _hangs(self) -> bool:
        since = self._asking_since
        return since is not None and time.monotonic() - since > SILENT

    def _run(self) -> None:
        try:
            self._send_until_over()
        except Exception:  # whatever it is, it is not the evaluation's
            logger.info("the job is not recorded", exc_info=True)

    def _send_until_over(self) -> None:
        with Client() as client, self._outbox.sending(self._job) as may_send:
            while may_send and not self._is_complete:
                was_over = self._is_over.is_set()
                is_reached = self._try(client, was_over)
                if was_over:
                    break
                if is_reached:
                    self._send_older(client)
                self._is_over.wait(PAUSE if is_reached else BACKOFF)

    def _try(self, client: Client, is_over: bool) -> bool:
        self._asking_since = time.monotonic()
        try:
            self._is_complete = self._outbox.send(client, self._job, is_over=is_over)
        except HudError as exc:
            logger.info("the controller does not take the job: %s", exc.message)
            return False
        finally:
            self._asking_since = None
        return True

    def _send_older(self, client: Client) -> None:
        """Send one of the jobs that earlier evaluations left."""
        for job in self._outbox.waiting():
            if job == self._job:
                continue
            with self._outbox.sending(job) as may_send:
                if not may_send:
                    continue
                try:
                    self._outbox.send(client, job, is_over=True)
                except HudError as exc:
                    logger.info("job %s is not taken: %s", job, exc.message)
            return

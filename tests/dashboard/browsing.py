"""The dashboard as a process of its own, and Debian's Chromium looking at it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright
from playwright.sync_api import Error as BrowserError

from tests.command import ROOT, plain_environment
from tests.controller.running import RunningController, free_port

START_SECONDS = 60.0
LOOK_SECONDS = 30.0
ATTEMPTS = 4
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
PROBES = ("_stcore/health", "_stcore/host-config")
"""What Streamlit's frontend looks for below each part of the path until it finds the server."""
DISTURBED = "ERR_NETWORK_CHANGED"
"""Chromium drops requests, also to loopback, while an engine on the machine adds networks."""


@contextlib.contextmanager
def running_dashboard(controller: RunningController, folder: Path) -> Iterator[str]:
    """The dashboard of a controller, as `streamlit run` serves it; yields its URL."""
    with dashboard_process(controller, folder) as (url, _):
        yield url


@contextlib.contextmanager
def dashboard_process(
    controller: RunningController, folder: Path
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """As `running_dashboard`; yields its process, too."""
    port = free_port()
    env = plain_environment(folder / "home") | {
        "HUD_API_URL": controller.url,
        "HUD_API_KEY": controller.token,
    }
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    with (folder / "dashboard.log").open("a") as log:
        process = subprocess.Popen(
            [*command, "--server.port", str(port)],
            cwd=ROOT / "dashboard",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, folder / "dashboard.log")
        yield url, process
    finally:
        process.terminate()
        process.wait(START_SECONDS)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser; the one of the machine."""
    path = shutil.which("chromium")
    assert path, "there is no chromium: apt-get install -y chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A tab, what it asked for outside this machine, and what its console complained of."""

    page: Page
    url: str
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    disturbances: int = 0
    """Requests that the machine's networks disturbed."""

    def __post_init__(self) -> None:
        self.page.set_default_timeout(LOOK_SECONDS * 1000)
        self.page.on("request", self._note_request)
        self.page.on("requestfailed", self._note_disturbance)
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", self._note_dialog)

    def open(self, path: str = "", **query: str | list[str]) -> Page:
        """Go to a page of the dashboard and wait until it is drawn."""
        address = f"{self.url}/{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        for attempt in range(ATTEMPTS):
            before = self.disturbances
            try:
                self.page.goto(address)
                self.page.wait_for_selector("[data-testid=stHeading]")
                self.settle()
            except BrowserError:
                if self.disturbances == before or attempt == ATTEMPTS - 1:
                    raise
            if self.disturbances == before:
                break
            self.errors.clear()
        return self.page

    def forget(self) -> None:
        """Note afresh what is asked for and complained of."""
        for noted in (self.outside, self.errors, self.dialogs):
            noted.clear()

    def settle(self) -> None:
        """Wait until nothing of the page is being drawn."""
        app = self.page.locator("[data-testid=stApp]")
        app.and_(self.page.locator("[data-test-script-state=notRunning]")).wait_for()

    def _note_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in LOOPBACK:
            self.outside.append(request.url)

    def _note_dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _note_disturbance(self, request: Request) -> None:
        self.disturbances += DISTURBED in (request.failure or "")

    def _note_message(self, message: ConsoleMessage) -> None:
        where = str(message.location.get("url", ""))
        known = DISTURBED in message.text or where.endswith(PROBES)
        if message.type == "error" and not known:
            self.errors.append(f"{message.text} ({where})")


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                f"{url}/_stcore/health", timeout=2
            ).close()
            return
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

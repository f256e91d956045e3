"""Pictures of every page, light and dark, wide and narrow, from a seeded store: docs/images.

`python scripts/screenshots.py [NAME…]` takes all, or those whose names begin like that: `job`,
`trace-light`, `settings-dark-900`.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402 - what follows is imported from this checkout
from playwright.sync_api import Browser, Page  # noqa: E402

from hud.client import Client  # noqa: E402
from hud.wire.platform import DebugRequest  # noqa: E402
from tests.controller.running import running_controller  # noqa: E402
from tests.dashboard.browsing import Visit, chromium, running_dashboard  # noqa: E402
from tests.dashboard.pages import wait_until, wait_until_state  # noqa: E402
from tests.dashboard.seeding import (  # noqa: E402
    EMPTY,
    MANY_COLUMNS,
    TASKSET,
    THOUSAND,
    Seeded,
    seed,
)

IMAGES = ROOT / "docs/images"
ENVIRONMENTS = ROOT / "tests/dashboard/environments"
WIDTHS = (1440, 900)
SCHEMES = ("light", "dark")
HEIGHT, TALLEST = 900, 2400
LOOKS, LOOK_SECONDS = 20, 0.25
"""How often and how long apart a page is looked at, until it stands still."""
COLORS = 256
Place = tuple[str, dict[str, Any]]


def main(wanted: list[str]) -> None:
    """Take them all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        _empty(Path(folder) / "empty", browser, wanted)
        _seeded(Path(folder) / "seeded", browser, wanted)


def _empty(folder: Path, browser: Browser, wanted: list[str]) -> None:
    if wanted and not any(name.startswith("empty") for name in wanted):
        return
    folder.mkdir()
    with running_controller(folder) as controller, running_dashboard(controller, folder) as url:
        names = ("overview", "environments", "debugger", "tasksets", "jobs", "compare")
        places: dict[str, Place] = {f"empty-{name}": (name, {}) for name in names}
        places["empty-overview"] = ("", {})
        _take(browser, url, places, wanted)


def _seeded(folder: Path, browser: Browser, wanted: list[str]) -> None:
    shutil.copytree(ENVIRONMENTS, folder / "workspace")
    shutil.copytree(ROOT / "env_template", folder / "workspace/letter-counter")
    (folder / "workspace/letter-counter/Dockerfile").unlink()
    with running_controller(folder) as controller, running_dashboard(controller, folder) as url:
        with controller.client() as client:
            ids = seed(client)
            wait_until_state(client, "running", "letter-counter", "notes")
            runs = [_examined(client, target) for target in ("broken", "letter-counter")]
        _take(browser, url, _places(ids, runs), wanted)


def _examined(client: Client, target: str) -> str:
    run = client.start_debug_run(DebugRequest(target=target)).id
    wait_until(lambda: client.debug_run(run).status != "running")
    return run


def _places(ids: Seeded, runs: list[str]) -> dict[str, Place]:
    environment = {"environment": "notes"}
    return {
        "overview": ("", {}),
        "environments": ("environments", {}),
        "environment-tools": ("environments", environment),
        "environment-scenarios": ("environments", environment | {"view": "Scenarios"}),
        "environment-connect": ("environments", environment | {"view": "Connect"}),
        "environment-log": ("environments", {"environment": "broken", "view": "Log"}),
        "debugger-failed": ("debugger", {"run": runs[0]}),
        "debugger-passed": ("debugger", {"run": runs[1]}),
        "tasksets": ("tasksets", {}),
        "taskset": ("tasksets", {"taskset": TASKSET}),
        "taskset-many-columns": ("tasksets", {"taskset": MANY_COLUMNS}),
        "taskset-nothing": ("tasksets", {"taskset": EMPTY}),
        "taskset-thousand": ("tasksets", {"taskset": THOUSAND}),
        "task": ("tasksets", {"taskset": TASKSET, "task": "strawberry-r"}),
        "run": ("tasksets", {"run": TASKSET}),
        "jobs": ("jobs", {}),
        "job": ("jobs", {"job": ids.baseline}),
        "job-running": ("jobs", {"job": ids.running}),
        "job-nothing": ("jobs", {"job": ids.nothing}),
        "job-thousand": ("jobs", {"job": ids.thousand}),
        "job-many-columns": ("jobs", {"job": ids.wide}),
        "trace": ("trace", {"job": ids.baseline, "rollout": ids.rollout}),
        "trace-images": ("trace", {"job": ids.screens, "rollout": ids.pictured}),
        "compare": ("compare", {"job": [ids.baseline, ids.candidate]}),
        "settings": ("settings", {}),
    }


def _take(browser: Browser, url: str, places: Mapping[str, Place], wanted: list[str]) -> None:
    for scheme, width in product(SCHEMES, WIDTHS):
        size = {"width": width, "height": HEIGHT}
        context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]  # both are schemes
        visit = Visit(context.new_page(), url)
        for place, (path, query) in places.items():
            name = f"{place}-{scheme}-{width}"
            if not wanted or name.startswith(tuple(wanted)):
                visit.open(path, **query)
                _save(_picture(visit, width), IMAGES / f"{name}.png")
        context.close()


def _picture(visit: Visit, width: int) -> bytes:
    """The whole page: the window is made as high as what it holds."""
    page = visit.page
    page.set_viewport_size({"width": width, "height": HEIGHT})
    picture = _still(page)
    needed = int(page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight"))
    if needed <= HEIGHT:
        return picture
    page.set_viewport_size({"width": width, "height": min(needed, TALLEST)})
    return _still(page)


def _still(page: Page) -> bytes:
    """A picture of the page once charts and tables are drawn: two of them are the same."""
    before, now = b"", page.screenshot()
    for _ in range(LOOKS):
        if now == before:
            break
        time.sleep(LOOK_SECONDS)
        before, now = now, page.screenshot()
    return now


def _save(png: bytes, target: Path) -> None:
    with Image.open(io.BytesIO(png)) as picture:
        few = picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
        few.save(target, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])

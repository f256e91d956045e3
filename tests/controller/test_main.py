"""`python -m controller`, from its start to its end."""

from __future__ import annotations

import time
from pathlib import Path

import httpx2
import pytest

from tests.controller.running import running_controller

pytestmark = pytest.mark.slow

END_SECONDS = 15.0


def test_a_new_controller_says_what_it_lacks_and_ends_at_once_although_somebody_listens(
    tmp_path: Path,
) -> None:
    with running_controller(tmp_path) as running, running.client() as client:
        checks = {check.name: check for check in client.doctor()}
        assert checks["workspace"].message == "it is empty"
        assert (checks["workspace"].hint or "").startswith("hud init my-env --dir ")
        assert checks["store"].status == "ok"
        assert (checks["models"].hint or "").startswith("hud set ")
        assert client.environments() == []
        assert (client.storage().jobs, client.storage().rollouts) == (0, 0)
        providers = {item.name: item.configured for item in client.providers()}
        assert providers.keys() >= {"openai", "anthropic"}
        assert not any(providers.values())
        headers = {"accept": "text/event-stream", "authorization": f"Bearer {running.token}"}
        url = f"{running.url}/api/v1/events"
        with httpx2.stream("GET", url, headers=headers, timeout=20, trust_env=False) as answer:
            lines = answer.iter_lines()
            next(lines)
            before = time.monotonic()
            running.process.terminate()
            assert list(lines)[-1:] in ([], [""])
            running.process.wait(END_SECONDS)
        assert time.monotonic() - before < END_SECONDS
    assert running.process.returncode == 0
    assert "Traceback" not in running.log()

"""`hud debug` and `hud analyze` on real images: two that are healthy, and twelve that are broken,
each in a way of its own.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from hud.cli.main import main
from hud.containers import BuildRequest, Engine
from hud.containers.labels import this_process

pytestmark = pytest.mark.docker

HERE = Path(__file__).parent
FOLDERS = sorted(path.parent for path in HERE.glob("*/*/Dockerfile"))
BUILDS_AT_ONCE = 4

Captured = pytest.CaptureFixture[str]

PASSED = """\
✓ Phase 1: Docker image exists
✓ Phase 2: MCP server responds to initialize
✓ Phase 3: Tool discovery
✓ Phase 4: Tool execution
✓ Phase 5: Scenario setup and grading
✓ Phase 6: Isolation
✓ Phase 7: Clean shutdown
"""


def image_of(name: str) -> str:
    return f"hud-test-debug-{name}:latest"


async def build_all() -> None:
    limiter = anyio.CapacityLimiter(BUILDS_AT_ONCE)
    async with Engine() as engine, anyio.create_task_group() as group:

        async def build(folder: Path) -> None:
            async with limiter:
                await engine.build(BuildRequest(folder, tag=image_of(folder.name)))

        for folder in FOLDERS:
            group.start_soon(build, folder)


async def our_containers() -> list[str]:
    async with Engine() as engine:
        found = await engine.resources()
    return [item.name for item in found if item.owner == this_process()]


@pytest.fixture(scope="module", autouse=True)
def images() -> Iterator[None]:
    """Every image is built; afterwards the images are gone, and no container is left."""
    anyio.run(build_all)
    yield
    left = anyio.run(our_containers)
    names = [*(image_of(folder.name) for folder in FOLDERS), "memory-limit:latest"]
    subprocess.run(["docker", "image", "rm", "--force", *names], capture_output=True, check=False)
    assert left == []


def examined(capsys: Captured, *arguments: str) -> dict[str, Any]:
    """The document that `hud debug` prints, of an examination that failed."""
    assert main(["debug", "--json", *arguments]) == 1
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.parametrize(
    ("command", "phase", "kind", "words"),
    [
        ("wrong-command", 2, "wrong-command", ("'/app/srever.py'", "CMD")),
        ("missing-module", 2, "missing-module", ("No module named 'yaml'", "install pyyaml")),
        ("import-crash", 2, "crash", ("ZeroDivisionError", "server.py, line 8")),
        ("stdout-pollution", 2, "stdout-pollution", ("Starting the shop", "sys.stderr")),
        ("other-port", 2, "other-port", ("0.0.0.0:9000 is open", "EXPOSE 9000")),
        ("loopback", 2, "loopback", ("8000 is open on 127.0.0.1 only", "host='0.0.0.0'")),
        ("blocking-start --timeout 3", 2, "blocking-start", ("is silent", "--timeout")),
        ("permission", 2, "permission", ("/data/orders.db", "chown")),
        ("missing-display", 2, "missing-display", ("cannot open display", "Xvfb")),
        ("missing-variable", 2, "missing-variable", ("SHOP_TOKEN", "-e SHOP_TOKEN=VALUE")),
        ("memory-limit -m 48m", 2, "memory-limit", ("limit of 48 MiB", "memory")),
        ("backend-refused", 3, "backend-refused", ("refused on port 8005", "start it before")),
    ],
)
def test_a_broken_image_gets_its_phase_and_its_remedy(
    capsys: Captured, command: str, phase: int, kind: str, words: tuple[str, str]
) -> None:
    name, *options = command.split()
    document = examined(capsys, image_of(name), *options)
    failed = next(item for item in document["phases"] if item["status"] == "failed")
    assert (failed["number"], failed["kind"]) == (phase, kind)
    assert words[0] in failed["error"]
    assert words[1] in failed["fix"]


@pytest.mark.parametrize("name", ["tools", "scenarios"])
def test_a_healthy_image_passes_every_phase_in_time(capsys: Captured, name: str) -> None:
    assert main(["debug", "--json", image_of(name)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["passed"]
    assert document["seconds"] < 10


def test_what_is_printed_is_a_line_for_each_phase(capsys: Captured) -> None:
    assert main(["debug", image_of("scenarios")]) == 0
    printed = capsys.readouterr()
    assert printed.out == PASSED
    assert "1 scenario set up and graded" in printed.err
    assert "letters:review skipped: `day` has a form that cannot be made up" in printed.err


def test_a_failure_is_printed_with_its_error_and_its_fix(capsys: Captured) -> None:
    assert main(["debug", image_of("backend-refused")]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[:4] == [
        "✓ Phase 1: Docker image exists",
        "✓ Phase 2: MCP server responds to initialize",
        "✗ Phase 3: Tool discovery failed",
        "  → Error: Connection refused on port 8005",
    ]
    assert printed.out.splitlines()[4].startswith("  → Fix: nothing listens on port 8005")


def test_an_image_that_does_not_exist_fails_the_first_phase(capsys: Captured) -> None:
    document = examined(capsys, "hud-test-debug-nowhere")
    assert [phase["status"] for phase in document["phases"]] == ["failed"] + ["skipped"] * 6
    assert "hud build" in document["phases"][0]["fix"]


def test_evidence_holds_how_the_server_ended_and_what_it_printed(capsys: Captured) -> None:
    evidence = examined(capsys, image_of("import-crash"))["phases"][1]["evidence"]
    assert (evidence["running"], evidence["exit_code"]) == (False, 1)
    assert evidence["command"] == ["python", "server.py"]
    assert evidence["stderr"][-1].startswith("ZeroDivisionError")


def test_docker_options_reach_the_container(capsys: Captured) -> None:
    document = examined(capsys, image_of("missing-variable"), "-e", "SHOP_TOKEN=1")
    assert document["phases"][1]["kind"] == "ends-at-once"


def test_a_folder_is_built_and_runs_under_what_it_declares(capsys: Captured) -> None:
    folder = str(HERE / "broken" / "memory-limit")
    document = examined(capsys, folder, "--build")
    assert document["target"] == "memory-limit:latest"
    assert "sandbox: memory: 48 MiB (default: 2 GiB)" in document["phases"][0]["notes"]
    assert document["phases"][1]["kind"] == "memory-limit"


def test_an_image_is_listed(capsys: Captured) -> None:
    assert main(["analyze", image_of("tools"), "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [tool["name"] for tool in listed["tools"]] == ["stock", "sell"]

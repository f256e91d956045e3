"""What every engine does: the same tests run against the one in memory and against a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from hud.containers import BuildRequest, Containers, ContainerSpec, Engine, Sandbox, Stdio
from hud.containers.failures import Conflict, NotFound
from hud.containers.fake import FakeContainers, FakeProcess
from hud.errors import DockerFailure, UserError

pytestmark = pytest.mark.anyio

IMAGE = "python:3.11-slim"
BUILT = "hud-contract-build"
HOG = ("python", "-c", "x = bytearray(1 << 30)")


async def shell(process: FakeProcess) -> int:
    """The few commands of the real image that these tests use."""
    match process.command:
        case ("cat",):
            async for data in process.stdin:
                await process.write(data)
        case ("printenv", name):
            await process.write(f"{process.env[name]}\n".encode())
        case ("sh", "-c", "echo out; echo err >&2; exit 3"):
            await process.write(b"out\n")
            process.complain(b"err\n")
            return 3
        case ("python", "-c", _):
            raise MemoryError
        case _:
            await anyio.sleep_forever()
    return 0


@pytest.fixture(params=["fake", pytest.param("engine", marks=pytest.mark.docker)])
async def containers(request: pytest.FixtureRequest) -> AsyncIterator[Containers]:
    engine: Containers = FakeContainers({IMAGE: shell}) if request.param == "fake" else Engine()
    with anyio.fail_after(60):
        async with engine:
            yield engine
    if request.param == "engine":
        await anyio.run_process(["docker", "image", "rm", "--force", BUILT], check=False)


def spec(*command: str, **fields: object) -> ContainerSpec:
    return ContainerSpec(image=IMAGE, command=command, **fields)  # type: ignore[arg-type]


async def read_all(stdio: Stdio) -> bytes:
    found = b""
    try:
        while True:
            found += await stdio.receive()
    except anyio.EndOfStream:
        return found


async def test_what_goes_in_comes_out_until_the_end_of_input(containers: Containers) -> None:
    async with containers.container(spec("cat", stdin=True)) as container:
        stdio = await container.attach()
        await container.start()
        await stdio.send(b"hello ")
        await stdio.send(b"world")
        await stdio.send_eof()
        assert await read_all(stdio) == b"hello world"
        assert (await container.wait()).exit_code == 0
        await stdio.aclose()


async def test_ten_megabytes_pass_both_ways_at_once(containers: Containers) -> None:
    message = bytes(range(256)) * 40_000
    async with containers.container(spec("cat", stdin=True)) as container:
        stdio = await container.attach()
        await container.start()
        async with anyio.create_task_group() as group:
            group.start_soon(stdio.send, message)
            echoed = bytearray()
            while len(echoed) < len(message):
                echoed += await stdio.receive()
        assert echoed == message
        await stdio.aclose()


async def test_stderr_is_kept_aside(containers: Containers) -> None:
    command = ("sh", "-c", "echo out; echo err >&2; exit 3")
    async with containers.container(spec(*command)) as container:
        stdio = await container.attach()
        await container.start()
        assert await read_all(stdio) == b"out\n"
        state = await container.wait()
        assert (state.exit_code, state.cause()) == (3, "ended with exit code 3")
        assert stdio.stderr.lines(1) == ["err"]
        assert sorted((await container.logs()).split()) == ["err", "out"]
        await stdio.aclose()


async def test_variables_reach_the_container(containers: Containers) -> None:
    wanted = spec("printenv", "NAME", env={"NAME": "a=b c"})
    async with containers.container(wanted) as container:
        stdio = await container.attach()
        await container.start()
        assert await read_all(stdio) == b"a=b c\n"
        await stdio.aclose()


async def test_a_command_runs_inside_and_tells_its_end(containers: Containers) -> None:
    async with containers.container(spec("sleep", "60")) as container:
        await container.start()
        done = await container.execute(["sh", "-c", "echo out; echo err >&2; exit 3"], seconds=20)
        assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
        echoed = await container.execute(["cat"], seconds=20, stdin=b"in" * 100_000, limit=1000)
        assert (len(echoed.stdout), echoed.dropped) == (1000, 199_000)


async def test_a_command_that_takes_too_long_is_ended(containers: Containers) -> None:
    async with containers.container(spec("sleep", "60")) as container:
        await container.start()
        done = await container.execute(["sleep", "60"], seconds=0.2)
        assert (done.timed_out, done.exit_code) == (True, None)
        assert (await container.state()).is_running


async def test_a_command_can_be_talked_to(containers: Containers) -> None:
    async with containers.container(spec("sleep", "60")) as container:
        await container.start()
        stdio = await container.open(["cat"])
        await stdio.send(b"ping")
        assert await stdio.receive() == b"ping"
        await stdio.aclose()


async def test_a_container_goes_through_its_states(containers: Containers) -> None:
    async with containers.container(spec("sleep", "60", stop_seconds=1)) as container:
        assert (await container.state()).status == "created"
        await container.start()
        assert (await container.state()).status == "running"
        await container.pause()
        assert (await container.state()).status == "paused"
        await container.unpause()
        await container.stop()
        state = await container.state()
        assert (state.status, state.is_running) == ("exited", False)
        await container.stop()
        await container.kill()
    with pytest.raises(NotFound):
        await container.state()


async def test_a_kill_is_told_apart_from_a_kill_for_memory(containers: Containers) -> None:
    async with containers.container(spec("sleep", "60")) as container:
        await container.start()
        await container.kill()
        killed = await container.wait()
    tight = Sandbox(memory=32 << 20, tmp=1 << 20)
    async with containers.container(spec(*HOG, sandbox=tight)) as container:
        await container.start()
        hog = await container.wait()
    assert (killed.exit_code, killed.oom_killed) == (137, False)
    assert (hog.exit_code, hog.oom_killed) == (137, True)
    assert hog.cause() == "out of memory: it used more than its limit of 32 MiB"


async def test_a_container_is_ours_by_its_labels_and_gone_after_its_block(
    containers: Containers,
) -> None:
    async with containers.container(spec("sleep", "60", run="job", generation=2)) as container:
        (found,) = [item for item in await containers.resources() if item.name == container.name]
        assert (found.kind, found.run, found.generation) == ("container", "job", 2)
        assert found.owner is not None
        assert found.owner.lives
    assert container.name not in {item.name for item in await containers.resources()}


async def test_a_container_can_be_removed_by_its_listing_and_then_again(
    containers: Containers,
) -> None:
    container = await containers.create(spec("sleep", "60"))
    await container.start()
    (found,) = [item for item in await containers.resources() if item.name == container.name]
    assert await containers.remove(found)
    await container.remove()


async def test_a_container_without_a_network_has_no_address(containers: Containers) -> None:
    async with containers.container(spec("sleep", "60")) as container:
        await container.start()
        with pytest.raises(DockerFailure, match="8000"):
            await container.address(8000)


async def test_an_image_that_is_not_there_is_named_with_the_next_step(
    containers: Containers,
) -> None:
    assert await containers.image("no-such-image") is None
    with pytest.raises(NotFound, match="no-such-image") as refused:
        await containers.create(ContainerSpec(image="no-such-image"))
    assert "hud build" in (refused.value.hint or "")


async def test_an_image_is_found_by_name_and_by_id(containers: Containers) -> None:
    image = await containers.image(IMAGE)
    assert image is not None
    assert IMAGE in image.tags
    assert await containers.image(image.id) == image


async def test_a_name_in_use_is_refused(containers: Containers) -> None:
    wanted = spec("sleep", "60", name="hud-contract-name")
    async with containers.container(wanted) as container:
        await container.start()
        with pytest.raises(Conflict, match="in use"):
            await containers.create(wanted)
        assert (await container.state()).is_running


async def test_what_breaks_the_policy_is_refused_before_the_engine_sees_it(
    containers: Containers,
) -> None:
    with pytest.raises(UserError, match="Runtime"):
        await containers.create(spec("true", sandbox=Sandbox(runtime="/usr/bin/evil")))


async def test_events_tell_starts_and_deaths(containers: Containers) -> None:
    seen: list[tuple[str, int | None]] = []
    listening = anyio.Event()

    async def listen() -> None:
        async with aclosing(containers.events()) as events:
            async for event in events:
                if event.name != "hud-contract-events":
                    listening.set()
                elif event.action in ("start", "die"):
                    seen.append((event.action, event.exit_code))
                if event.name == "hud-contract-events" and event.action == "die":
                    return

    async def make_noise() -> None:
        while not listening.is_set():
            async with containers.container(spec("sleep", "60")) as container:
                await container.start()

    command = ("sh", "-c", "echo out; echo err >&2; exit 3")
    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        await make_noise()
        wanted = spec(*command, name="hud-contract-events", stdin=False)
        async with containers.container(wanted) as container:
            stdio = await container.attach()
            await container.start()
            await read_all(stdio)
            await container.wait()
            await stdio.aclose()
    assert seen == [("start", None), ("die", 3)]


async def test_an_unchanged_folder_is_not_built_again(
    containers: Containers, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY env.py /\n", "utf-8")
    (tmp_path / "env.py").write_text("1", "utf-8")
    request = BuildRequest(tmp_path, tag=BUILT)
    first = await containers.build(request)
    again = await containers.build(request)
    (tmp_path / "env.py").write_text("2", "utf-8")
    changed = await containers.build(request)
    assert (first.reused, again.reused, changed.reused) == (False, True, False)
    assert first.image.id == again.image.id != changed.image.id
    assert first.tag == f"{BUILT}:latest"
    assert await containers.image(BUILT) == changed.image


async def test_a_folder_that_cannot_be_built_is_refused(
    containers: Containers, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="Dockerfile"):
        await containers.build(BuildRequest(tmp_path, tag=BUILT))


async def test_the_engine_tells_what_it_is(containers: Containers) -> None:
    info = await containers.info()
    assert info.version
    assert info.host
    assert info.cpus > 0

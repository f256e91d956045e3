"""What only a real engine can show: confinement, clean-up after a kill, lost answers, networks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream

from hud.containers import Container, ContainerSpec, Engine, EngineUnavailable, Mount, Sandbox
from hud.containers.labels import OWNER
from hud.containers.policy import NETWORKS
from hud.containers.stream import body, dial
from hud.errors import DockerFailure

pytestmark = [pytest.mark.docker, pytest.mark.anyio]

IMAGE = "python:3.11-slim"
SLEEP = ("sleep", "120")
FORK_BOMB = """
import os, time
while True:
    try:
        os.fork() or time.sleep(50)
    except OSError:
        pass
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    with anyio.fail_after(90):
        async with Engine() as engine:
            yield engine


@asynccontextmanager
async def running(
    engine: Engine, *command: str, sandbox: Sandbox | None = None, **fields: Any
) -> AsyncIterator[Container]:
    spec = ContainerSpec(
        image=IMAGE, command=command or SLEEP, sandbox=sandbox or Sandbox(), **fields
    )
    async with engine.container(spec) as container:
        await container.start()
        yield container


async def docker(*arguments: str) -> str:
    done = await anyio.run_process(["docker", *arguments])
    return done.stdout.decode().strip()


@pytest.fixture
async def alone() -> None:
    """Skip where others are on the network, such as the environments of a stack that is up."""
    name = NETWORKS["internal"]
    if others := await docker("ps", "--all", "--quiet", "--filter", f"network={name}"):
        pytest.skip(f"network `{name}` is used by containers {others.split()}")


async def inspected(container: Container) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(await docker("inspect", container.id))
    return found[0]


async def sh(container: Container, script: str, seconds: float = 20) -> str:
    done = await container.execute(["sh", "-c", script], seconds=seconds)
    return (done.stdout + done.stderr).decode().strip()


async def connects(container: Container, host: str, port: int) -> bool:
    script = f"import socket; socket.create_connection(({host!r}, {port}), 1).close()"
    return (await container.execute(["python", "-c", script], seconds=20)).exit_code == 0


async def test_the_engine_was_told_every_limit_of_profile_default(engine: Engine) -> None:
    async with running(engine) as container:
        config = (await inspected(container))["HostConfig"]
        status = await sh(container, "cat /proc/self/status")
    assert config["CapDrop"] == ["ALL"]
    assert config["SecurityOpt"] == ["no-new-privileges:true"]
    assert config["Memory"] == config["MemorySwap"] == 2 << 30
    assert (config["NanoCpus"], config["PidsLimit"], config["Init"]) == (10**9, 512, True)
    assert config["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "2"}
    assert "NoNewPrivs:\t1" in status
    assert "CapEff:\t00000000000004eb" in status


async def test_profile_default_lets_root_step_down_and_hand_over_files(engine: Engine) -> None:
    async with running(engine) as container:
        script = "touch /x && chown nobody /x && su nobody -s /bin/sh -c 'echo y > /x; id -un'"
        assert await sh(container, script) == "nobody"


async def test_profile_strict_writes_to_its_temporary_folder_only(engine: Engine) -> None:
    async with running(engine, sandbox=Sandbox(profile="strict")) as container:
        assert "Read-only" in await sh(container, "touch /home/x")
        assert await sh(
            container, "cd /tmp && touch x && id -u && grep CapEff /proc/self/status"
        ) == ("1000\nCapEff:\t0000000000000000")
        assert await sh(container, "ls /sys/class/net") == "lo"


async def test_a_fork_bomb_stops_at_the_limit_of_processes(engine: Engine) -> None:
    async with running(engine, sandbox=Sandbox(pids=32)) as container:
        script = "i=0; while [ $i -lt 60 ]; do sleep 20 & i=$((i+1)); done; echo done"
        done = await container.execute(["sh", "-c", script], seconds=10)
        assert b"annot fork" in done.stderr
        assert (await container.state()).is_running


async def test_nothing_of_the_hosts_environment_enters(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDECLARED", "host")
    async with running(engine, env={"DECLARED": "1"}) as container:
        found = await sh(container, "env")
    assert "DECLARED=1" in found
    assert "UNDECLARED" not in found


async def test_a_mounted_folder_is_read_only_unless_declared(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("from the host", "utf-8")
    mounts = (
        Mount(source="data", target="/ro"),
        Mount(source="data", target="/rw", writable=True),
    )
    async with running(engine, sandbox=Sandbox(folder=tmp_path, mounts=mounts)) as container:
        assert await sh(container, "cat /ro/x; touch /ro/y; touch /rw/z") == (
            "from the hosttouch: cannot touch '/ro/y': Read-only file system"
        )
    assert (tmp_path / "data" / "z").exists()


async def test_volumes_are_ours_and_go_with_their_container(engine: Engine) -> None:
    sandbox = Sandbox(volumes=("/kept",), read_only=True)
    async with running(engine, sandbox=sandbox, run="volumes") as container:
        await sh(container, "echo x > /kept/x")
        mine = [item.kind for item in await engine.resources() if item.run == "volumes"]
        assert mine == ["container", "volume"]
    assert [item for item in await engine.resources() if item.run == "volumes"] == []


COUNT_SLEEPERS = "cat /proc/[0-9]*/comm | grep -c sleep"


async def test_a_command_that_takes_too_long_goes_with_all_that_it_started(engine: Engine) -> None:
    script = "setsid sleep 101 & (setsid sh -c 'sleep 102 & sleep 103' &); echo up; sleep 104"
    async with running(engine) as container:
        done = await container.execute(["sh", "-c", script], seconds=1)
        assert (done.timed_out, done.stdout) == (True, b"up\n")
        assert await sh(container, COUNT_SLEEPERS) == "1"


async def test_a_command_goes_when_its_caller_is_cancelled(engine: Engine) -> None:
    async with running(engine) as container:
        async with anyio.create_task_group() as group:
            group.start_soon(partial(container.execute, ["sleep", "50"], seconds=50))
            while await sh(container, COUNT_SLEEPERS) != "2":
                pass
            group.cancel_scope.cancel()
        assert await sh(container, COUNT_SLEEPERS) == "1"


async def test_even_a_fork_bomb_is_ended_alone(engine: Engine) -> None:
    async with running(engine, sandbox=Sandbox(pids=24)) as container:
        done = await container.execute(["python", "-c", FORK_BOMB], seconds=2)
        assert done.timed_out
        assert await sh(container, "cat /proc/[0-9]*/comm | grep -c python") == "0"
        assert (await container.state()).is_running


async def test_a_command_that_cannot_be_ended_alone_ends_its_container(engine: Engine) -> None:
    async with running(engine) as container:
        async with anyio.create_task_group() as group:
            group.start_soon(freeze_when_asleep, container)
            with pytest.raises(DockerFailure, match="could not be ended alone"):
                await container.execute(["sleep", "50"], seconds=2)
        assert (await container.wait()).exit_code == 137


async def freeze_when_asleep(container: Container) -> None:
    """Pause the container once the second `sleep` runs in it."""
    while await sh(container, COUNT_SLEEPERS) != "2":
        pass
    await container.pause()


async def test_containers_on_a_network_do_not_see_each_other_but_the_host_sees_them(
    engine: Engine,
) -> None:
    server = ("python", "-m", "http.server", "8000")
    inside = Sandbox(network="internal")
    async with (
        running(engine, *server, sandbox=inside, ports={8000: 0}) as first,
        running(engine, *server, sandbox=inside, ports={8000: 0}) as second,
    ):
        host, port = await first.address(8000)
        await answers(host, port)
        assert not await connects(second, host, port)
        assert not await connects(second, "169.254.169.254", 80)
        assert (await first.address(8000)) != (await second.address(8000))


async def answers(host: str, port: int) -> None:
    """Wait until something listens."""
    while True:
        try:
            async with await anyio.connect_tcp(host, port):
                return
        except OSError:
            await anyio.sleep(0.05)


async def test_a_published_port_is_open_to_this_host_only(engine: Engine) -> None:
    outside = Sandbox(network="internet")
    server = ("python", "-m", "http.server", "8000")
    async with running(engine, *server, sandbox=outside, ports={8000: 0}) as container:
        host, port = await container.address(8000)
        await answers(host, port)
        listening = {
            line.split()[1]
            for line in Path("/proc/net/tcp").read_text("utf-8").splitlines()  # noqa: ASYNC240
            if f":{port:04X} " in line and line.split()[3] == "0A"
        }
    assert host == "127.0.0.1"
    assert listening == {f"0100007F:{port:04X}"}


@pytest.mark.slow
@pytest.mark.usefixtures("alone")
async def test_environments_in_a_row_exhaust_no_addresses() -> None:
    for _ in range(34):
        async with (
            Engine() as engine,
            engine.container(ContainerSpec(image=IMAGE, sandbox=Sandbox(network="internal"))),
        ):
            pass
    assert NETWORKS["internal"] not in await docker("network", "ls", "--format", "{{.Name}}")


@pytest.mark.usefixtures("alone")
async def test_a_network_that_another_process_removed_is_made_again(engine: Engine) -> None:
    spec = ContainerSpec(image=IMAGE, command=SLEEP, sandbox=Sandbox(network="internal"))
    async with engine.container(spec) as container:
        await docker("network", "rm", NETWORKS["internal"])
        await container.start()
        assert (await container.address(8000))[1] == 8000


@pytest.mark.usefixtures("alone")
async def test_a_network_of_the_same_name_that_is_not_ours_is_refused(engine: Engine) -> None:
    await docker("network", "create", NETWORKS["internal"])
    try:
        with pytest.raises(DockerFailure, match="was not made by hud"):
            await engine.create(ContainerSpec(image=IMAGE, sandbox=Sandbox(network="internal")))
    finally:
        await docker("network", "rm", NETWORKS["internal"])


class LossyProxy:
    """Stands before the engine, and cuts the connection instead of the first answer to a create."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.creates = 0

    async def serve(self) -> None:
        listener = await anyio.create_unix_listener(self.path)
        async with listener:
            await listener.serve(self._pass)

    async def _pass(self, client: ByteStream) -> None:
        async with client, await anyio.connect_unix("/var/run/docker.sock") as server:
            lost = anyio.Event()

            async def upwards() -> None:
                async for data in client:
                    if b"/containers/create" in data:
                        self.creates += 1
                        if self.creates == 1:
                            lost.set()
                    await server.send(data)

            async with anyio.create_task_group() as group:
                group.start_soon(upwards)
                async for data in server:
                    if lost.is_set():
                        break
                    await client.send(data)
                group.cancel_scope.cancel()


async def test_a_create_whose_answer_is_lost_makes_one_container(tmp_path: Path) -> None:
    proxy = LossyProxy(tmp_path / "proxy.sock")
    spec = ContainerSpec(image=IMAGE, command=SLEEP, run="lossy")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(proxy.serve)
            while not proxy.path.exists():  # noqa: ASYNC110 - a socket file has no event
                await anyio.sleep(0.01)
            async with Engine(f"unix://{proxy.path}") as engine:
                container = await engine.create(spec)
                mine = [item for item in await engine.resources() if item.run == "lossy"]
                assert [item.id for item in mine] == [container.id]
                await container.start()
            group.cancel_scope.cancel()
    assert proxy.creates == 2


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
async def test_without_an_engine_one_line_says_so_with_the_next_step(host: str) -> None:
    with pytest.raises(EngineUnavailable, match="no container engine answers at") as refused:
        await Engine(host).__aenter__()
    assert "\n" not in refused.value.message
    assert refused.value.hint


async def test_what_an_engine_over_ssh_lacks_is_named() -> None:
    with pytest.raises(EngineUnavailable, match=r"ssh://nobody@127\.0\.0\.1:1") as refused:
        await Engine("ssh://nobody@127.0.0.1:1").__aenter__()
    lacks_package = "`paramiko`" in refused.value.message
    hint = "pip install 'docker[ssh]'" if lacks_package else "docker --host ssh://nobody@"
    assert (refused.value.hint or "").startswith(hint)


async def test_an_engine_that_never_answers_is_given_up_when_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        with anyio.move_on_after(0.5) as scope:
            await Engine(f"unix://{path}").__aenter__()
    assert scope.cancelled_caught


OWNER_PROGRAM = """
import anyio
from hud.containers import ContainerSpec, Engine, Sandbox

async def main():
    async with Engine() as engine:
        sandbox = Sandbox(network="internal", volumes=("/kept",))
        for _ in range(2):
            command = ("sleep", "600")
            spec = ContainerSpec(image="python:3.11-slim", command=command, sandbox=sandbox)
            container = await engine.create(spec)
            await container.start()
            print(container.id, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


def owner_process() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER_PROGRAM)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


async def left_by(owner: int) -> set[str]:
    """The containers and volumes of a process, by the engine's own account."""
    form = f'{{{{.Label "{OWNER}"}}}} '
    containers = await docker("container", "ls", "--all", "--format", form + "{{.ID}}")
    volumes = await docker("volume", "ls", "--format", form + "{{.Name}}")
    lines = [*containers.splitlines(), *volumes.splitlines()]
    return {line for line in lines if f":{owner}:" in line}


async def made_by(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    lines = [await anyio.to_thread.run_sync(process.stdout.readline) for _ in range(2)]
    return [line.strip() for line in lines]


async def test_the_watchdog_removes_what_a_killed_process_left() -> None:
    with owner_process() as process, anyio.fail_after(60):
        assert len(await made_by(process)) == 2
        assert len(await left_by(process.pid)) == 4
        process.kill()
        process.wait()
        while await left_by(process.pid):  # noqa: ASYNC110 - the watchdog is another process
            await anyio.sleep(0.1)


async def test_the_next_command_removes_what_is_left_when_the_watchdog_died_too() -> None:
    with owner_process() as process, anyio.fail_after(60):
        await made_by(process)
        for watchdog in watchdogs(process.pid):
            os.kill(watchdog, signal.SIGKILL)
        process.kill()
        process.wait()
        assert len(await left_by(process.pid)) == 4
        async with Engine():
            assert await left_by(process.pid) == set()


async def test_an_interrupted_process_leaves_nothing() -> None:
    with owner_process() as process, anyio.fail_after(60):
        await made_by(process)
        process.send_signal(signal.SIGINT)
        await anyio.to_thread.run_sync(process.wait)
        assert await left_by(process.pid) == set()
        assert watchdogs(process.pid) == []


def watchdogs(owner: int) -> list[int]:
    """The processes that watch over an owner."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except OSError:
            continue
        if b"hud.containers.watching" in command and f":{owner}:".encode() in command:
            found.append(int(entry.parent.name))
    return found


async def test_what_living_processes_own_is_left_alone(engine: Engine) -> None:
    async with running(engine) as container, Engine() as other:
        assert await other.reap() == []
        assert (await container.state()).is_running


async def test_an_engine_behind_the_command_line_is_reached_too() -> None:
    raw = await dial("ssh://elsewhere", lambda: ["docker"])
    async with raw:
        answer = b"".join([piece async for piece in body(raw, "GET", "/_ping")])
    assert answer == b"OK"


async def test_a_gpu_that_is_not_there_is_named_with_what_is_missing(engine: Engine) -> None:
    container = await engine.create(ContainerSpec(image=IMAGE, sandbox=Sandbox(gpus="all")))
    with pytest.raises(DockerFailure, match="device driver") as refused:
        await container.start()
    assert "container toolkit" in (refused.value.hint or "")


async def test_a_runtime_that_the_engine_lacks_reaches_it_and_is_refused(engine: Engine) -> None:
    with pytest.raises(DockerFailure, match="runsc") as refused:
        await engine.create(ContainerSpec(image=IMAGE, sandbox=Sandbox(runtime="runsc")))
    assert "docker info" in (refused.value.hint or "")


async def test_a_command_that_the_image_lacks_is_named(engine: Engine) -> None:
    async with running(engine, "no-such-command") as container:
        state = await container.wait()
        assert state.cause() == "ended with exit code 127 (there is no such command)"
        assert "no-such-command" in await container.logs()


async def test_a_disk_that_is_full_is_the_containers_own(engine: Engine) -> None:
    async with running(engine, sandbox=Sandbox(tmp=1 << 20)) as container:
        assert "No space left" in await sh(container, "cd /tmp; dd if=/dev/zero of=x bs=1M count=4")

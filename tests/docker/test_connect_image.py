"""`env.connect_image`: a container comes up, is used like any server, and goes, whatever
happens.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

import hud.eval
from hud import Environment
from hud.containers import BuildRequest, Engine
from hud.containers.labels import Owner
from hud.errors import DockerFailure, StartFailure, UserError
from hud.eval.context import EvalContext
from hud.types import MCPToolCall
from tests.command import ROOT

pytestmark = [pytest.mark.docker, pytest.mark.anyio, pytest.mark.slow]

Left = Callable[[], Awaitable[list[str]]]


@pytest.mark.parametrize("over", ["stdio", "http"])
async def test_a_scenario_of_an_image_runs_whatever_the_image_calls_its_environment(
    over: str, trouble: str, trouble_over_http: str, left: Left
) -> None:
    env = Environment("my-env")
    env.connect_image(trouble if over == "stdio" else trouble_over_http)
    task = env("sum", a=1, b=2)
    task.validation = [MCPToolCall(name="submit", arguments={"answer": "3"})]
    trace = await task.run("oracle")
    assert (trace.reward, trace.error) == (1.0, None)
    assert await left() == []


OVER_STDIO = """\
FROM {image}
EXPOSE 5432
RUN echo 'from env import env; env.run()' > serve.py
CMD ["sh", "-c", "python -m http.server 5432 >&2 & exec python serve.py"]
"""
SAYS_NO_PORT = """\
FROM {image}
EXPOSE 8000
RUN echo 'from env import env; env.run("http", host="0.0.0.0", port=8000)' > serve.py
CMD ["python", "serve.py"]
"""


@pytest.mark.parametrize("recipe", [OVER_STDIO, SAYS_NO_PORT], ids=["stdio", "http"])
async def test_an_image_that_names_a_port_is_asked_which_way_it_speaks(
    trouble: str, engine: Engine, folder: Path, recipe: str, left: Left
) -> None:
    (folder / "Dockerfile").write_text(recipe.format(image=trouble))
    built = await engine.build(BuildRequest(folder, tag="hud-test-names-a-port"))
    async with Environment("my-env").connect_image(built.tag) as env:
        assert (await env.call_tool("see", what="first")).text == '["first"]'
    assert await left() == []


async def test_rollouts_in_one_process_each_have_a_container_of_their_own(
    trouble: str, left: Left
) -> None:
    env = Environment("my-env").connect_image(trouble)

    async def loop(ctx: EvalContext) -> str:
        assert (await ctx.call_tool("see", what="first")).text == '["first"]'
        return "3"

    contexts = await hud.eval.evaluate(env("sum", a=1, b=2), loop, group=3)
    assert [(ctx.reward, ctx.error) for ctx in contexts] == [(1.0, None)] * 3
    assert await left() == []


async def test_a_local_scenario_reaches_the_container_of_its_rollout(trouble: str) -> None:
    env = Environment("my-env").connect_image(trouble)

    @env.scenario("memory")
    async def memory(word: str) -> AsyncGenerator[Any, Any]:
        await env.call_tool("see", what=word)
        answer = yield "What is remembered?"
        yield 1.0 if json.loads(answer) == [word, "look"] else 0.0

    async def loop(ctx: EvalContext) -> str:
        return str((await ctx.call_tool("see", what="look")).text)

    tasks = [memory.task(word=word) for word in ("one", "two")]
    assert [ctx.reward for ctx in await hud.eval.evaluate(tasks, loop)] == [1.0, 1.0]


async def test_only_named_variables_enter_and_none_is_on_a_command_line(
    trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST_SECRET", "of-the-host")
    monkeypatch.setenv("NAMED", "by-name")
    env = Environment("my-env")
    env.connect_image(trouble, env_vars={"TOKEN": "s3cr3t-t0k3n"}, docker_args=["-e", "NAMED"])
    async with env:
        inside = (await env.call_tool("variables")).structured_content
        commands = b" ".join(path.read_bytes() for path in command_lines())
    assert inside is not None
    assert (inside["TOKEN"], inside["NAMED"]) == ("s3cr3t-t0k3n", "by-name")
    assert "HOST_SECRET" not in inside
    assert b"s3cr3t-t0k3n" not in commands


def command_lines() -> list[Path]:
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]


async def test_a_block_that_raises_leaves_no_container(trouble: str, left: Left) -> None:
    env = Environment("my-env").connect_image(trouble)
    with pytest.raises(UserError, match="no scenario"):
        await fail_within(env, left)
    assert await left() == []


async def fail_within(env: Environment, left: Left) -> None:
    async with env:
        assert len(await left()) == 1
        await env.get_prompt("no-such-scenario")


async def test_an_image_whose_server_ends_is_told_with_what_it_printed(
    trouble: str, engine: Engine, left: Left
) -> None:
    broken = ROOT / "tests/docker/broken/import-crash"
    built = await engine.build(BuildRequest(broken, tag="hud-test-import-crash"))
    env = Environment("my-env").connect_image(trouble).connect_image(built.tag)
    with pytest.raises(StartFailure, match="ended with exit code 1") as failed:
        await env.__aenter__()
    assert "Traceback" in (failed.value.detail or "")
    assert failed.value.hint == "hud debug hud-test-import-crash:latest"
    assert await left() == []


async def test_a_host_port_that_is_taken_is_told_with_the_next_step(
    trouble: str, left: Left
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        published = f"127.0.0.1:{taken.getsockname()[1]}:80"
        env = Environment("my-env").connect_image(trouble, docker_args=["-p", published])
        with pytest.raises(StartFailure, match=r"could not start: .*already") as failed:
            await env.__aenter__()
    assert "choose another port" in (failed.value.hint or "")
    assert await left() == []


async def test_an_image_that_is_not_there_is_named_with_the_next_step() -> None:
    env = Environment("my-env").connect_image("hud-test-absent")
    with pytest.raises(DockerFailure, match="there is no image `hud-test-absent`") as refused:
        await env.__aenter__()
    assert refused.value.hint == "build it: hud build ."


OWNER = """
import anyio
from hud import Environment

async def main():
    async with Environment("my-env").connect_image("{image}"):
        print("up", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


def owner_of(image: str) -> subprocess.Popen[bytes]:
    """A process that is connected to an image."""
    return subprocess.Popen(
        [sys.executable, "-c", OWNER.format(image=image)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_a_process_that_is_interrupted_or_killed_leaves_nothing(
    trouble: str, number: signal.Signals
) -> None:
    with owner_of(trouble) as process, anyio.fail_after(60):
        assert process.stdout is not None
        assert await anyio.to_thread.run_sync(process.stdout.readline) == b"up\n"
        assert len(await left_by(process.pid)) == 1
        process.send_signal(number)
        await anyio.to_thread.run_sync(process.wait)
        while number == signal.SIGKILL and await left_by(process.pid):  # noqa: ASYNC110 - another's
            await anyio.sleep(0.1)
        assert await left_by(process.pid) == []


async def left_by(pid: int) -> list[str]:
    """What a process has, by the labels; asking this way removes nothing."""
    done = await anyio.run_process(
        ["docker", "container", "ls", "--all", "--format", '{{.Label "hud.owner"}}']
    )
    owners = (Owner.parse(line) for line in done.stdout.decode().splitlines())
    return [str(owner) for owner in owners if owner and owner.pid == pid]

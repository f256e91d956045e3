"""Save a file, and the client that is already connected uses the new code."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.command import Command, plain_environment
from tests.hud.dev.live import (
    ERAS,
    DevServer,
    Ear,
    answer,
    connected,
    hud_dev,
    source,
    until,
)

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("a server that reloads")]

SLOW_LIBRARY = """
import os, time
with open(os.environ["IMPORTS"], "a") as log:
    log.write(f"{os.getpid()}\\n")
time.sleep(1.0)
VALUE = 7
"""
SLOW = """

@env.tool()
async def slow() -> str:
    import asyncio

    await asyncio.sleep(1)
    return "old"
"""
THREADED_LIBRARY = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True, name="ticker").start()
"""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """`hud` in a folder with an environment, and two libraries that are no author's."""
    home, folder, site = (tmp_path_factory.mktemp(name) for name in ("home", "env", "lib"))
    libraries = site / "site-packages"
    libraries.mkdir()
    (libraries / "slow_library.py").write_text(SLOW_LIBRARY)
    (libraries / "threaded_library.py").write_text(THREADED_LIBRARY)
    (folder / "env.py").write_text(source(0))
    (folder / "helpers").mkdir()
    variables = plain_environment(home)
    variables["PYTHONPATH"] += os.pathsep + str(libraries)
    variables["IMPORTS"] = str(site / "imports.txt")
    return Command((sys.executable, "-P", "-m", "hud.cli"), folder, variables)


@pytest.fixture(scope="module")
def shared(command: Command) -> Iterator[DevServer]:
    """One server for all tests that leave it as they found it."""
    with hud_dev(command, "env:env", "-w", "env.py", "-w", "helpers", "-p", "0") as server:
        yield server


@pytest.fixture
async def server(shared: DevServer) -> DevServer:
    """The shared server, serving the first version."""
    if shared.env.read_text() != source(0):
        await shared.reloaded(source(0))
    return shared


def read(path: Path) -> str:
    return path.read_text()


@ERAS
async def test_the_clients_session_goes_on_and_answers_with_the_new_code(
    server: DevServer, era: str
) -> None:
    async with connected(server, era) as client:
        assert await answer(client) == 0
        for version in range(1, 4):
            await server.reloaded(source(version))
            assert await answer(client) == version


@pytest.mark.parametrize("target", ["env.py", "env:env", ""], ids=["file", "module", "found"])
async def test_bytecode_of_an_earlier_save_is_never_taken_for_the_new_one(
    command: Command, target: str
) -> None:
    (command.cwd / "env.py").write_text(source(0))
    cached = command.having(PYTHONDONTWRITEBYTECODE="")
    stamp = 1_700_000_000
    with hud_dev(cached, *([target] if target else []), "-w", "env.py", "-p", "0") as server:
        async with connected(server, "legacy") as client:
            for version in (1, 2, 3):
                lines, draft = len(server.lines), server.folder / "env.py~"
                draft.write_text(source(version))
                os.utime(draft, (stamp, stamp))
                draft.replace(server.env)
                await server.heard("→ reloaded", lines)
                assert await answer(client) == version


@ERAS
async def test_the_client_is_told_once_that_the_tools_changed(server: DevServer, era: str) -> None:
    ear = Ear()
    async with connected(server, era, ear) as client:
        if era == "legacy":
            line = await server.reloaded(
                source(1, "\n\n@env.tool()\ndef new() -> int:\n    return 5\n")
            )
            assert line.endswith("; tools: +new")
            await ear.until("notifications/tools/list_changed")
            assert "new" in {tool.name for tool in (await client.list_tools()).tools}
            assert await answer(client, "new") == 5
            await server.reloaded(source(2, "\n\n@env.tool()\ndef new() -> int:\n    return 6\n"))
            assert await answer(client, "new") == 6
            assert ear.methods.count("notifications/tools/list_changed") == 1
        else:
            await server.reloaded(source(1, "\n\n@env.tool()\ndef new() -> int:\n    return 5\n"))
            assert "new" in {tool.name for tool in (await client.list_tools()).tools}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("def x(:", "SyntaxError"),
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("x = 1", "there is no module|`env` in module `env` does not exist"),
        ("import os; os._exit(9)", "exit status 9"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
        (source(1, "\n\n@env.initialize\ndef init():\n    raise OSError('no disk')\n"), "no disk"),
        (source(1, "\n\n@env.tool()\ndef bad(x: 'Nope'):\n    pass\n"), "Nope"),
    ],
)
async def test_a_save_that_cannot_be_loaded_leaves_the_last_good_version(
    server: DevServer, broken: str, reason: str
) -> None:
    async with connected(server, "legacy") as client:
        line = await server.heard("✗", server.save(broken))
        assert "the last good version serves on" in line
        await server.heard(reason)
        assert await answer(client) == 0
        assert server.status()["last_error"]["is_fixed"] is False
        await server.reloaded(source(2))
        assert await answer(client) == 2
        assert server.status()["last_error"]["is_fixed"] is True


async def test_the_traceback_of_a_failed_save_is_in_the_status(server: DevServer) -> None:
    await server.heard("✗", server.save("import math\nmath.sqrt(-1)\n"))
    error = server.status()["last_error"]
    assert "ValueError" in error["reason"]
    assert 'env.py", line 2' in error["traceback"]
    assert "hud/dev" not in error["traceback"]


async def test_an_import_that_hangs_gives_way_to_the_next_save(server: DevServer) -> None:
    async with connected(server, "legacy") as client:
        started = server.folder / "started"
        server.save(f"open({str(started)!r}, 'w').close()\nimport time\ntime.sleep(600)\n")
        await until(started.exists)
        assert await answer(client) == 0
        await server.reloaded(source(3))
        assert await answer(client) == 3


async def test_the_authors_own_modules_are_imported_afresh(server: DevServer) -> None:
    helper = server.folder / "helpers" / "numbers_of_mine.py"
    helper.write_text("NUMBER = 1\n")
    await server.reloaded(
        source("NUMBER").replace(
            '"""An environment."""',
            '"""An environment."""\nfrom helpers.numbers_of_mine import NUMBER',
        )
    )
    async with connected(server, "legacy") as client:
        for number in (2, 3, 4):
            lines = len(server.lines)
            helper.write_text(f"NUMBER = {number}\n")
            await server.heard("numbers_of_mine.py` changed → reloaded", lines)
            assert await answer(client) == number


async def test_a_library_is_imported_once_and_not_again_on_each_save(
    server: DevServer, command: Command
) -> None:
    imports = Path(command.env["IMPORTS"])
    text = source("slow_library.VALUE").replace("from hud", "import slow_library\nfrom hud")
    await server.reloaded(text)
    async with connected(server, "legacy") as client:
        assert await answer(client) == 7
        await server.reloaded(text + "\n# the zygote has it by now\n")
        known = read(imports)
        for number in range(3):
            await server.reloaded(text + f"\n# {number}\n")
            assert await answer(client) == 7
        assert read(imports) == known
        assert len(known.splitlines()) == 2


async def test_a_library_finds_the_variables_that_the_author_set_for_it(
    server: DevServer, command: Command
) -> None:
    site = Path(command.env["IMPORTS"]).parent / "site-packages"
    (site / "looking_library.py").write_text("import os\nVALUE = os.environ.get('FOR_IT', '0')\n")
    begin = 'import os\nos.environ["FOR_IT"] = "7"\nimport looking_library\nfrom hud'
    text = source("int(looking_library.VALUE)").replace("from hud", begin)
    async with connected(server, "legacy") as client:
        for number in range(3):
            await server.reloaded(text + f"\n# {number}\n")
            assert await answer(client) == 7


async def test_a_module_that_starts_a_thread_is_reloaded_as_well(server: DevServer) -> None:
    thread = (
        "\nimport threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    async with connected(server, "legacy") as client:
        for version in (1, 2):
            await server.reloaded(source(version, thread))
            assert await answer(client) == version


async def test_a_version_that_crashes_is_replaced(server: DevServer) -> None:
    crash = "\n\n@env.tool()\ndef crash() -> int:\n    import os\n    os._exit(5)\n"
    await server.reloaded(source(4, crash))
    async with connected(server, "legacy") as client:
        lines = len(server.lines)
        with pytest.raises(Exception, match=r"outcome|unknown|ended"):
            await answer(client, "crash")
        line = await server.heard("→ (reloaded|restarted)", lines)
        assert "ended with exit status 5" in line
        assert await answer(client) == 4


async def test_a_port_that_the_environment_holds_is_handed_over(server: DevServer) -> None:
    hold = textwrap.dedent(
        """

        @env.initialize
        def hold() -> None:
            global listener
            import socket
            listener = socket.create_server(("127.0.0.1", 47391))
        """
    )
    async with connected(server, "legacy") as client:
        for version in (1, 2, 3):
            await server.reloaded(source(version, hold))
            assert await answer(client) == version


async def test_a_call_under_way_ends_in_the_old_version(server: DevServer) -> None:
    await server.reloaded(source(1, SLOW))
    async with connected(server, "legacy") as client, anyio.create_task_group() as tasks:
        answers: list[object] = []

        async def call() -> None:
            answers.append(await answer(client, "slow"))

        tasks.start_soon(call)
        await until(lambda: server.status()["calls"])
        await server.reloaded(source(2, SLOW.replace("old", "new")))
        assert await answer(client) == 2
        await until(lambda: answers)
        assert answers == ["old"]


async def test_what_the_environment_prints_is_shown(server: DevServer) -> None:
    await server.reloaded(source(1, '\nprint("printed at import")\n'))
    await server.heard("printed at import")


async def test_a_library_that_starts_a_thread_gets_fresh_interpreters(server: DevServer) -> None:
    text = "import threaded_library\n"
    async with connected(server, "legacy") as client:
        for version in (1, 2, 3):
            await server.reloaded(text + source(version))
            assert await answer(client) == version


@pytest.mark.slow
async def test_clients_that_call_all_the_time_lose_nothing_over_many_saves(
    command: Command,
) -> None:
    (command.cwd / "env.py").write_text(source(0))
    with hud_dev(command, "env:env", "-w", "env.py", "-p", "0") as server:
        stop = anyio.Event()
        seen: list[int] = []

        async def keep_calling(era: str) -> None:
            async with connected(server, era) as client:
                while not stop.is_set():
                    seen.append(await answer(client))

        async with anyio.create_task_group() as tasks:
            for era in ("legacy", "auto", "legacy", "auto"):
                tasks.start_soon(keep_calling, era)
            for version in range(1, 31):
                await server.reloaded(source(version))
            stop.set()
        assert len(seen) > 100
        assert set(seen) <= set(range(31))
        assert server.status()["generation"] == 31

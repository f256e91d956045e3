"""Which saves count, what they ask for, and that none is missed, whatever way it is written."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hud.dev.watcher import Contents, Step, WatchList, decide, needs_polling, watch
from hud.errors import UserError

pytestmark = pytest.mark.anyio

SECONDS = 10.0
HOW = pytest.mark.parametrize("poll", [False, True], ids=["told", "polling"])


class Watched:
    """A folder that is being watched, and what was reported of it."""

    def __init__(self, folder: Path, events: AsyncIterator[list[Path]]) -> None:
        self.folder = folder
        self._events = events

    async def changed(self) -> set[str]:
        """The names in the next burst."""
        async with asyncio.timeout(SECONDS):
            return {str(path.relative_to(self.folder)) for path in await anext(self._events)}

    async def until(self, name: str) -> None:
        """Wait until a file is reported."""
        while name not in await self.changed():
            pass

    async def bursts_until(self, name: str) -> int:
        """How many bursts there are until a file is reported."""
        count = 1
        while name not in await self.changed():
            count += 1
        return count


def resolved(folder: Path) -> Path:
    return folder.resolve()


@asynccontextmanager
async def watching(folder: Path, *names: str, poll: bool = False) -> AsyncIterator[Watched]:
    """Watch names in a folder; the watch has begun when this begins."""
    (folder / "begun").mkdir()
    root = resolved(folder)
    listed = WatchList.of([*names, "begun"], root)
    stop = asyncio.Event()
    events = watch(Contents(listed), poll=poll, stop=stop)
    watched = Watched(root, events)
    first = asyncio.create_task(watched.until("begun/0"))
    count = 0
    while not first.done():
        (folder / "begun" / "0").write_text(str(count))
        count += 1
        await asyncio.sleep(0.02)
    await first
    try:
        yield watched
    finally:
        stop.set()
        await events.aclose()  # type: ignore[attr-defined]


def in_place(path: Path) -> None:
    path.write_text("new")


def renamed_over(path: Path) -> None:
    draft = path.with_name(f"{path.name}.draft~")
    draft.write_text("new")
    draft.replace(path)


def with_backup(path: Path) -> None:
    """As vim does by default."""
    backup = path.with_name(f"{path.name}~")
    path.rename(backup)
    path.write_text("new")
    backup.unlink()


def appended(path: Path) -> None:
    with path.open("a") as file:
        file.write("new")


def deleted_and_made_again(path: Path) -> None:
    path.unlink()
    path.write_text("new")


@HOW
@pytest.mark.parametrize(
    "save", [in_place, renamed_over, with_backup, appended, deleted_and_made_again]
)
async def test_a_named_file_is_reported_however_an_editor_saves_it(
    tmp_path: Path, save: Callable[[Path], None], poll: bool
) -> None:
    (tmp_path / "env.py").write_text("old")
    async with watching(tmp_path, "env.py", poll=poll) as watched:
        save(tmp_path / "env.py")
        await watched.until("env.py")


async def test_what_was_not_named_and_what_did_not_change_is_not_reported(tmp_path: Path) -> None:
    (tmp_path / "env.py").write_text("old")
    (tmp_path / "tools").mkdir()
    async with watching(tmp_path, "env.py", "tools") as watched:
        (tmp_path / "other.py").write_text("new")
        (tmp_path / "env.py").write_text("old")
        os.utime(tmp_path / "env.py")
        (tmp_path / "tools" / "x.pyc").write_text("new")
        (tmp_path / "tools" / "__pycache__").mkdir()
        (tmp_path / "tools" / "__pycache__" / "y.py").write_text("new")
        (tmp_path / "tools" / "z.py").write_text("new")
        assert await watched.changed() == {"tools/z.py"}


@HOW
async def test_what_changes_before_the_watch_begins_is_reported(tmp_path: Path, poll: bool) -> None:
    for name in ("saved", "deleted", "left"):
        (tmp_path / name).write_text("old")
    contents = Contents(WatchList.of(["."], resolved(tmp_path)))
    (tmp_path / "saved").write_text("new")
    (tmp_path / "made").write_text("new")
    (tmp_path / "deleted").unlink()
    stop = asyncio.Event()
    events = watch(contents, poll=poll, stop=stop)
    watched = Watched(contents.watched.root, events)
    assert await watched.changed() == {"saved", "made", "deleted"}
    stop.set()
    await events.aclose()  # type: ignore[attr-defined]


@HOW
async def test_the_last_of_many_saves_within_a_second_is_reported(
    tmp_path: Path, poll: bool
) -> None:
    file = tmp_path / "env.py"
    file.write_text("00")
    async with watching(tmp_path, "env.py", poll=poll) as watched:
        for number in range(10, 14):
            file.write_text(str(number))
            await watched.until("env.py")


@HOW
async def test_a_folder_that_is_deleted_and_made_again_is_watched_again(
    tmp_path: Path, poll: bool
) -> None:
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "a.py").write_text("old")
    async with watching(tmp_path, "tools", poll=poll) as watched:
        shutil.rmtree(folder)
        await watched.until("tools/a.py")
        folder.mkdir()
        (folder / "a.py").write_text("old")
        await watched.until("tools/a.py")
        (folder / "a.py").write_text("new")
        await watched.until("tools/a.py")


@HOW
async def test_a_new_file_deep_below_a_watched_folder_is_reported(
    tmp_path: Path, poll: bool
) -> None:
    (tmp_path / "src").mkdir()
    async with watching(tmp_path, "src", poll=poll) as watched:
        deep = tmp_path / "src" / "a" / "b"
        deep.mkdir(parents=True)
        (deep / "c.py").write_text("new")
        await watched.until("src/a/b/c.py")


async def test_five_hundred_files_that_change_at_once_are_few_bursts(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for number in range(500):
        (tmp_path / "src" / f"m{number}.py").write_text("old")
    async with watching(tmp_path, "src") as watched:
        for number in range(500):
            (tmp_path / "src" / f"m{number}.py").write_text("new")
        assert await watched.bursts_until("src/m499.py") <= 10


async def test_a_link_is_not_followed_out_of_the_folder(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside.py"
    (root / "src").mkdir(parents=True)
    outside.write_text("secret")
    (root / "src" / "link.py").symlink_to(outside)
    contents = Contents(WatchList.of(["src"], root))
    contents.read()
    assert contents.digests == {}
    outside.write_text("changed")
    assert contents.update([root / "src" / "link.py"]) == []


def test_what_does_not_exist_or_leads_out_cannot_be_watched(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "away").symlink_to(tmp_path)
    for name, reason in [("nope.py", "does not exist"), ("away", "leads out"), ("..", "leads out")]:
        with pytest.raises(UserError, match=reason):
            WatchList.of([name], root)


@pytest.mark.parametrize(
    ("changed", "has_image", "mounted", "step"),
    [
        ([], False, None, Step.NOTHING),
        (["env.py"], False, None, Step.RELOAD),
        (["requirements.txt"], False, None, Step.RELOAD),
        (["env.py"], True, ["env.py"], Step.RELOAD),
        (["tools/a.py"], True, ["tools"], Step.RELOAD),
        (["start.sh"], True, ["env.py"], Step.RESTART),
        (["env.py", "start.sh"], True, ["env.py"], Step.RESTART),
        (["requirements.txt"], True, ["."], Step.REBUILD),
        (["requirements-dev.txt", "env.py"], True, ["."], Step.REBUILD),
        (["pyproject.toml"], True, ["."], Step.REBUILD),
        (["uv.lock"], True, ["."], Step.REBUILD),
        (["sub/Dockerfile.hud"], True, ["."], Step.REBUILD),
    ],
)
def test_the_highest_step_that_any_file_asks_for_is_taken(
    tmp_path: Path, changed: list[str], has_image: bool, mounted: list[str] | None, step: Step
) -> None:
    folders = None if mounted is None else tuple((tmp_path / name).resolve() for name in mounted)
    watched = WatchList((tmp_path,), tmp_path, folders)
    action = decide([tmp_path / name for name in changed], watched, has_image=has_image)
    assert action.step is step


def test_a_cause_names_the_files_that_asked_for_the_step(tmp_path: Path) -> None:
    watched = WatchList((tmp_path,), tmp_path)
    names = [tmp_path / f"{letter}.py" for letter in "abcde"]
    action = decide(names, watched, has_image=False)
    assert action.cause == "`a.py`, `b.py`, `c.py` and 2 more files changed"


MOUNTS = """overlay / overlay rw 0 0
/dev/vda1 /data ext4 rw 0 0
drvfs /mnt/c 9p rw 0 0
share /srv/me/my\\040env fuse.grpcfuse rw 0 0
fuse-overlayfs /var/lib fuse.fuse-overlayfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "polls"),
    [
        ("/srv/env", False),
        ("/data/env", False),
        ("/mnt/c/env", True),
        ("/srv/me/my env/tools", True),
        ("/srv/me/other", False),
        ("/var/lib/env", False),
    ],
)
def test_polling_is_for_file_systems_that_tell_nothing(path: str, polls: bool) -> None:
    assert needs_polling([Path(path)], MOUNTS) is polls

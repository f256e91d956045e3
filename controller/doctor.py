"""What a look at the installation finds: what works, what is missing, and what to do about it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from controller.platform import Platform
from hud.wire.platform import Check

GIB = 1024**3
LOW_DISK = 5 * GIB
"""Bytes below which builds and results may soon fail."""
RUNC_MENDED = ((1, 2, 8), (1, 3, 3))
"""The first version of each line of runc from which no way out of a container is known
(CVE-2024-21626, CVE-2025-31133, CVE-2025-52565, CVE-2025-52881); older lines have none.
"""
INOTIFY = Path("/proc/sys/fs/inotify")
INOTIFY_NEEDS = {"max_user_watches": 32_768, "max_user_instances": 64}
"""What many watched folders take, by the kernel's name of the limit."""


async def examine(platform: Platform) -> list[Check]:
    """Every check, in the order in which a user would look."""
    return [
        *await _engine(platform),
        *await _environments(platform),
        _disk(platform),
        *inotify_checks(INOTIFY),
        await _store(platform),
        await _providers(platform),
    ]


async def _engine(platform: Platform) -> list[Check]:
    health = await platform.workspace.engines.health()
    if health.available:
        answers = Check(name="engine", status="ok", message=f"version {health.version} answers")
        return [answers, *([runc_check(health.runc)] if health.runc else [])]
    return [
        Check(
            name="engine",
            status="warning",
            message=f"{health.reason}; environments without a Dockerfile run all the same",
            hint="start Docker, or set DOCKER_HOST",
        )
    ]


def runc_check(version: str) -> Check:
    """Whether a version of runc is known to let containers out."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    number = tuple(int(part) for part in found.groups()) if found else ()
    if not number or number[:2] > RUNC_MENDED[-1][:2]:
        return Check(name="runc", status="ok", message=f"version {version}")
    if any(number[:2] == mended[:2] and number >= mended for mended in RUNC_MENDED):
        return Check(name="runc", status="ok", message=f"version {version}")
    lines = " and ".join(".".join(map(str, mended)) for mended in RUNC_MENDED)
    return Check(
        name="runc",
        status="warning",
        message=f"{version} is older than {lines}: a container may get out of it, unless your"
        " distribution has mended it",
        hint="upgrade runc, or run environments you do not trust with gVisor",
    )


def inotify_checks(folder: Path) -> list[Check]:
    """Whether the kernel lets enough files be watched; nothing where it does not say."""
    checks = []
    for name, needed in INOTIFY_NEEDS.items():
        path = folder / name
        if not path.is_file():
            continue
        limit = int(path.read_text("ascii"))
        check = Check(name=f"inotify {name}", status="ok", message=f"{limit:,}")
        if limit < needed:
            hint = f"sudo sysctl fs.inotify.{name}={needed * 2}"
            message = f"{limit:,}: hot reload may miss saves in many folders"
            check = check.model_copy(update={"status": "warning", "message": message, "hint": hint})
        checks.append(check)
    return checks


async def _environments(platform: Platform) -> list[Check]:
    folder = platform.settings.workspace
    if not folder.is_dir():
        message = f"there is no folder `{folder}`"
        return [Check(name="workspace", status="failed", message=message, hint=f"mkdir {folder}")]
    found = await platform.workspace.list()
    if not found:
        hint = f"hud init my-env --dir {folder}"
        return [Check(name="workspace", status="warning", message="it is empty", hint=hint)]
    failed = [item for item in found if item.state == "failed"]
    count = f"{len(found)} environment{'s'[: len(found) != 1]}"
    return [
        Check(name="workspace", status="ok", message=f"{count} in `{folder}`"),
        *(
            Check(
                name=f"environment {item.name}",
                status="failed",
                message=item.reason or "it failed",
                hint=f"hud debug {folder / (item.folder or item.name)}",
            )
            for item in failed
        ),
        *(
            Check(
                name=f"environment {item.name}",
                status="warning",
                message=f"no value for {', '.join(item.missing)}",
                hint=f"hud set {item.missing[0]}=…",
            )
            for item in found
            if item.missing
        ),
    ]


def _disk(platform: Platform) -> Check:
    free = shutil.disk_usage(platform.settings.data_dir).free
    message = f"{free / GIB:.1f} GiB free"
    if free >= LOW_DISK:
        return Check(name="disk", status="ok", message=message)
    return Check(name="disk", status="warning", message=message, hint="hud clean --images")


async def _store(platform: Platform) -> Check:
    held = await platform.store.storage()
    message = f"{held.database}, {held.jobs} jobs, {held.rollouts} rollouts"
    return Check(name="store", status="ok", message=message)


async def _providers(platform: Platform) -> Check:
    providers = platform.models.providers()
    ready = [item.name for item in providers if item.configured]
    if ready:
        return Check(name="models", status="ok", message=f"keys for {', '.join(ready)}")
    variable = providers[0].variable if providers else "OPENAI_API_KEY"
    message = "no provider has a key; `oracle` and `nop` need none"
    return Check(name="models", status="warning", message=message, hint=f"hud set {variable}=…")

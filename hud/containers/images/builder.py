"""Building an image, by the `docker buildx` command: the engine's Python package does not speak
BuildKit.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from hud.containers import labels
from hud.containers.contract import BuildRequest, BuildResult, Image, Progress
from hud.containers.door import Door
from hud.containers.images.context import Context, read_context
from hud.containers.images.log import BuildFailure, BuildLog
from hud.containers.images.names import image_name, image_reference
from hud.errors import DockerFailure

FindImage = Callable[[str], Awaitable[Image | None]]


@dataclass(frozen=True)
class Builder:
    """Builds at the engine behind `door`, of whose images `find` tells."""

    door: Door
    find: FindImage

    async def build(self, request: BuildRequest, progress: Progress | None = None) -> BuildResult:
        started = time.monotonic()
        tag = _tag(request)
        context, source = await _source(request)
        before = await self.find(tag)
        reused = before is not None and before.labels.get(labels.SOURCE) == source
        if not reused or request.no_cache:
            reused = False
            await self._run_build(request, context, tag, source, progress or _nobody)
        image = await self.find(tag)
        if image is None:
            raise BuildFailure(f"the build of `{tag}` ended well, but the engine has no such image")
        if before is not None and before.id != image.id:
            await self._remove_superseded(before)
        return BuildResult(image, tag, source, reused, time.monotonic() - started)

    async def current(self, request: BuildRequest) -> BuildResult | None:
        """The image, if nothing that it was built from has changed."""
        tag = _tag(request)
        found = await self.find(tag)
        if found is None or request.no_cache:
            return None
        started = time.monotonic()
        _, source = await _source(request)
        if found.labels.get(labels.SOURCE) != source:
            return None
        return BuildResult(found, tag, source, True, time.monotonic() - started)

    async def _run_build(
        self, request: BuildRequest, context: Context, tag: str, source: str, progress: Progress
    ) -> None:
        log = BuildLog(progress)
        with tempfile.TemporaryDirectory(prefix="hud-build-") as folder:
            recipe = _write_recipe(Path(folder), context, request.recipe)
            arguments = build_arguments(request, tag, source, str(recipe))
            try:
                with anyio.fail_after(request.seconds):
                    code = await self.door.command(
                        ["buildx", "build", *arguments],
                        variables=secret_variables(request),
                        line=log.read,
                    )
            except TimeoutError:
                raise log.overdue(tag, request.seconds) from None
        if code != 0:
            raise log.failure(tag, code)

    async def _remove_superseded(self, image: Image) -> None:
        """Remove the image that the tag named before, if nothing names or uses it any more."""
        now = await self.find(image.id)
        if now is None or now.tags or labels.SOURCE not in now.labels:
            return
        with suppress(DockerFailure):
            what = f"cannot remove image `{image.id}`"
            await self.door.change(what, self.door.client.remove_image, image.id)


def _tag(request: BuildRequest) -> str:
    return image_reference(request.tag or image_name(request.folder.resolve().name))


async def _source(request: BuildRequest) -> tuple[Context, str]:
    """What an image is built from, and its digest."""
    context = await anyio.to_thread.run_sync(
        read_context, request.folder, request.dockerfile, request.context_limit
    )
    settings = {**request.build_args, "\0platform": request.platform or ""}
    return context, await anyio.to_thread.run_sync(context.digest, settings, request.contexts)


def _write_recipe(folder: Path, context: Context, text: str | None) -> Path:
    """A copy of the Dockerfile, or `text` in its place, and beside it the list of ignored files:
    the builder reads that one before the folder's own.
    """
    recipe = folder / context.dockerfile.name
    recipe.write_bytes(context.dockerfile.read_bytes() if text is None else text.encode())
    ignored = recipe.with_name(f"{recipe.name}.dockerignore")
    ignored.write_text("\n".join(context.ignored), "utf-8", errors="surrogateescape")
    return recipe


def build_arguments(request: BuildRequest, tag: str, source: str, dockerfile: str) -> list[str]:
    """The arguments of `docker buildx build`. Values of secrets are not among them: see
    `secret_variables`.
    """
    optional = [*(("--no-cache",) if request.no_cache else ())]
    if request.platform:
        optional += ["--platform", request.platform]
    for name, value in request.build_args.items():
        optional += ["--build-arg", f"{name}={value}"]
    for name, folder in request.contexts.items():
        optional += ["--build-context", f"{name}={folder.resolve()}"]
    for name, variable in zip(request.secrets, secret_variables(request), strict=True):
        optional += ["--secret", f"id={name},env={variable}"]
    fixed = ["--progress=plain", "--provenance=false", "--load", "--tag", tag, "--file", dockerfile]
    return [
        *fixed,
        "--label",
        f"{labels.SOURCE}={source}",
        *optional,
        "--",
        str(request.folder.resolve()),
    ]


def secret_variables(request: BuildRequest) -> dict[str, str]:
    """The values of secrets, by the name of the variable that hands each to the build command."""
    return {
        f"HUD_BUILD_SECRET_{number}": value for number, value in enumerate(request.secrets.values())
    }


def _nobody(_: object) -> None:
    """Hears a build's progress when nobody wants to."""

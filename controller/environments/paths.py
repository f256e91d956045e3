"""Paths of the workspace as the engine's host knows them. Pure."""

from __future__ import annotations

from pathlib import Path, PurePath

from hud.errors import UserError


def host_path(path: Path, workspace: Path, host_workspace: PurePath | None) -> str:
    """The host's path of a path in the workspace; the same one where the controller runs on the
    host.

    Both paths are resolved first, so that links within the workspace lead where they lead here.

    Raises:
        UserError: the path lies outside the workspace, where the host cannot see it.
    """
    if host_workspace is None:
        return str(path)
    resolved, root = path.resolve(), workspace.resolve()
    if not resolved.is_relative_to(root):
        raise UserError(
            f"`{path}` cannot be mounted: it lies outside the workspace `{workspace}`,"
            " and the engine's host sees nothing else of the controller's container",
            hint="put it into the workspace",
        )
    if not host_workspace.is_absolute():
        raise UserError(
            f"HUD_HOST_WORKSPACE is `{host_workspace}`, which is no absolute path",
            hint="set it to the workspace's path on the engine's host",
        )
    return str(host_workspace / resolved.relative_to(root))

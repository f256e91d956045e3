"""The patch tool in the form of OpenAI's: create, update and delete files by patches in the V4A
format.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from hud.errors import ToolError
from hud.tools.coding.patch import BEGIN, DiffError, FilePatch, Kind, created, file_patches, updated
from hud.tools.coding.shell import OPENAI_MODELS
from hud.tools.system.user import in_thread
from hud.tools.system.workspace import Workspace
from hud.tools.tool import BaseTool
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs

__all__ = ["ApplyPatchResult", "ApplyPatchTool", "DiffError"]


@dataclass(frozen=True)
class ApplyPatchResult:
    """Whether a patch was applied, and what was done or why not."""

    status: Literal["completed", "failed"]
    output: str

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON data."""
        return asdict(self)


class ApplyPatchTool(BaseTool):
    """Create, update, and delete files using V4A diff format"""

    name = "apply_patch"
    title = "Apply Patch"
    native_specs: ClassVar[NativeToolSpecs] = {
        AgentType.OPENAI: NativeToolSpec(
            api_type="apply_patch",
            api_name="apply_patch",
            role="editor",
            supported_models=OPENAI_MODELS,
        )
    }

    def __init__(self, base_path: str = ".", **described: Any) -> None:
        """Make the tool; only files below `base_path` can be touched."""
        super().__init__(**described)
        self.workspace = Workspace(base_path)

    @property
    def base_path(self) -> str:
        """The folder below which files can be touched."""
        return str(self.workspace.base)

    async def __call__(
        self, type: str | None = None, path: str | None = None, diff: str | None = None
    ) -> ApplyPatchResult:
        """Apply a patch.

        Args:
            type: What to do: create_file, update_file or delete_file.
            path: The file, from the tool's folder.
            diff: The patch. With neither type nor path: a whole patch, `*** Begin Patch` to `***
                End Patch`.
        """
        try:
            patches = _patches(type, path, diff)
            done = await in_thread(self._apply, patches)
        except (DiffError, ToolError) as exc:
            return ApplyPatchResult("failed", f"Error: {exc}")
        return ApplyPatchResult("completed", "\n".join(done))

    def _apply(self, patches: list[FilePatch]) -> list[str]:
        """Compute all files first: a patch that does not fit changes nothing."""
        changes = [change for patch in patches for change in self._changes(patch)]
        for target, content in changes:
            if content is None:
                self.workspace.remove(target)
            else:
                self.workspace.write_text(target, content)
        verbs = {"create_file": "Created", "update_file": "Updated", "delete_file": "Deleted"}
        return [f"{verbs[patch.kind]} {patch.move_to or patch.path}" for patch in patches]

    def _changes(self, patch: FilePatch) -> list[tuple[Path, str | None]]:
        target = self.workspace.resolve(patch.path)
        if patch.kind == "create_file":
            if target.exists():
                raise ToolError(f"`{patch.path}` exists already; use update_file")
            return [(target, created(patch.diff))]
        if not target.is_file():
            raise ToolError(f"there is no file `{patch.path}`")
        if patch.kind == "delete_file":
            return [(target, None)]
        content = updated(self.workspace.read_text(target), patch.diff)
        if patch.move_to is None:
            return [(target, content)]
        return [(self.workspace.resolve(patch.move_to), content), (target, None)]


def _patches(kind: str | None, path: str | None, diff: str | None) -> list[FilePatch]:
    if kind is None and path is None and diff is not None and diff.lstrip().startswith(BEGIN):
        return file_patches(diff)
    known: tuple[Kind, ...] = get_args(Kind)
    chosen = next((name for name in known if name == kind), None)
    if chosen is None:
        raise ToolError(f"`type` is {kind!r}; it is one of {', '.join(known)}")
    if not path:
        raise ToolError(f"{chosen} needs `path`")
    if diff is None and chosen != "delete_file":
        raise ToolError(f"{chosen} needs `diff`")
    return [FilePatch(chosen, path, diff or "")]

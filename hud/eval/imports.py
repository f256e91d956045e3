"""Importing task files that know nothing of each other: every file sees its own project first.

1. The folder of a file and its project's root come first on `sys.path` while it is imported, and
   stay there.
2. A module that another folder brought along under a name that this one has too (`env`, say) makes
   way.
3. A file of a package is imported as its member, so that relative imports work; a package's
   `__init__.py` as the package.
4. A file that was imported before, under whatever name, is not imported again; its name below the
   root is known too.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from hud.environment.modules import import_name, load_module, project_root

_folders: set[str] = set()
"""Folders that files were imported from."""


def import_file(path: Path) -> ModuleType:
    """Import a Python file.

    Raises:
        UserError: the import failed; `detail` is the author's traceback.
    """
    loaded = next(
        (module for module in list(sys.modules.values()) if _file(module) == str(path)), None
    )
    if loaded is not None:
        return loaded
    top, name = _package_name(path)
    _come_first(
        top, project_root(path.resolve()), path.resolve().parent, project_root(path), path.parent
    )
    is_free = _file(sys.modules.get(name.partition(".")[0])) in (
        None,
        str(top / name.partition(".")[0] / "__init__.py"),
    )
    in_package = "." in name or _is_package(path)
    module = import_name(name) if in_package and is_free else load_module(path)
    below_root = path.relative_to(project_root(path)).with_suffix("")
    if not _is_package(path):
        sys.modules.setdefault(".".join(below_root.parts), module)
    return module


def _is_package(path: Path) -> bool:
    return path.name == "__init__.py"


def _file(module: ModuleType | None) -> str | None:
    return getattr(module, "__file__", None)


def _package_name(path: Path) -> tuple[Path, str]:
    """The folder above the packages that a file is in, and its dotted name from there."""
    parts, folder = [] if _is_package(path) else [path.stem], path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parts)


def _come_first(*folders: Path) -> None:
    """Put folders in front of `sys.path`, the last one first, and let other folders' modules of
    their names go.
    """
    for folder in map(str, folders):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
    for name, module in list(sys.modules.items()):
        home = _home(module)
        if (
            "." not in name
            and home in _folders
            and home not in map(str, folders)
            and _holds(folders, name)
        ):
            _forget(name)
    _folders.update(map(str, folders))


def _home(module: ModuleType) -> str | None:
    """The folder that `sys.path` needs for a top-level module."""
    file = _file(module)
    if file is None:
        return None
    folder = Path(file).parent
    return str(folder.parent if Path(file).stem == "__init__" else folder)


def _holds(folders: tuple[Path, ...], name: str) -> bool:
    return any(
        (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()
        for folder in folders
    )


def _forget(name: str) -> None:
    for known in [known for known in sys.modules if known == name or known.startswith(f"{name}.")]:
        del sys.modules[known]

"""An author's Python files: importing them, and the environments that they hold."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Mapping
from importlib.abc import FileLoader
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from pydantic import ValidationError

from hud.environment.environment import Environment, normalise_name
from hud.environment.import_hints import import_hint
from hud.errors import HudError, UserError, describe, did_you_mean

ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "env.py", ".hud", ".git")
ROOT_DISTANCE = 10
ENVIRONMENT_FILES = ("env.py", "environment.py", "main.py", "server.py")
"""Files in which an environment is looked for when none is named."""
OURS = str(Path(__file__).parents[1]) + os.sep
"""Where our own code is, which no author's traceback shows."""
ATTRIBUTES = ("env", "mcp", "environment", "server")
"""Attributes that an environment is looked for under, in this order."""


def load_module(path: Path) -> ModuleType:
    """Import a Python file with its project's root and its own folder on `sys.path`, under its own
    name if it is free.

    Raises:
        UserError: the import failed; `detail` is the author's traceback.
    """
    for folder in (str(project_root(path)), str(path.parent)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    loaded = sys.modules.get(path.stem)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    name = path.stem if loaded is None else f"_hud_{abs(hash(path))}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_loader(name, path))
    if spec is None or spec.loader is None:
        raise UserError(f"`{path.name}` cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as exc:
        del sys.modules[name]
        raise _import_failure(path.name, exc) from exc
    return module


def _loader(name: str, path: Path) -> FileLoader | None:
    """What the path's own import hook loads that file with, if it has one for it."""
    found = PathFinder.find_spec(path.stem, [str(path.parent)])
    if found is None or found.origin != str(path) or not isinstance(found.loader, FileLoader):
        return None
    return type(found.loader)(name, str(path))


def project_root(path: Path) -> Path:
    """The nearest folder above a file that looks like a project's root; the file's own folder if
    none does.
    """
    for folder in list(path.parents)[:ROOT_DISTANCE]:
        if any((folder / mark).exists() for mark in ROOT_MARKS):
            return folder
    return path.parent


def local_environments(path: Path) -> dict[str, Environment]:
    """The environments of the Python files beside a task file and at its project's root, by
    name.
    """
    found: dict[str, Environment] = {}
    for folder in dict.fromkeys((path.parent, path.parent.parent, project_root(path))):
        for name in ENVIRONMENT_FILES:
            if (folder / name).is_file():
                for value in vars(load_module(folder / name)).values():
                    if isinstance(value, Environment):
                        found.setdefault(value.name, value)
    return found


def environment_called(
    name: str | None, environments: Mapping[str, Environment]
) -> Environment | None:
    """The environment of a name as an author wrote it, `my_env`, which carries `my-env`."""
    if name is None:
        return None
    return environments.get(name) or environments.get(normalise_name(name))


def find_environment(target: str | None = None) -> Environment:
    """The environment that `target` names: `module`, `module:attribute`, a file, or None to look in
    this folder.

    Raises:
        UserError: there is none, or more than one and nothing says which; or the module cannot be
            imported.
    """
    if not target:
        return _default_environment()
    module, attribute = _split_target(target)
    if attribute is not None:
        value = getattr(module, attribute, None)
        if not isinstance(value, Environment):
            what = "is no Environment" if hasattr(module, attribute) else "does not exist"
            message = f"`{attribute}` in module `{module.__name__}` {what}"
            raise UserError(message, hint=did_you_mean(attribute, list(_environments(module))))
        return value
    return _only_environment(module)


def _only_environment(module: ModuleType) -> Environment:
    found = _environments(module)
    for name in ATTRIBUTES:
        if name in found:
            return found[name]
    if not found:
        hint = 'make one: env = Environment("my-env")'
        raise UserError(f"module `{module.__name__}` holds no Environment", hint=hint)
    return _single(module, found)


def _single(module: ModuleType, found: dict[str, Environment]) -> Environment:
    if len({id(item) for item in found.values()}) == 1:
        return next(iter(found.values()))
    names = ", ".join(f"`{module.__name__}:{name}`" for name in found)
    raise UserError(
        f"module `{module.__name__}` holds several environments", hint=f"name one: {names}"
    )


def complete(env: Environment) -> Environment:
    """The environment to serve for `env`.

    A file that is run as a program and whose last line imports modules which import it (`from env
    import env`) exists twice, and what they declare is in the second copy: that one is served.
    """
    program = sys.modules.get("__main__")
    path = getattr(program, "__file__", None)
    if path is None or env not in vars(program).values():
        return env
    file = os.path.abspath(path)
    copies = [module for module in list(sys.modules.values()) if _is_of(module, file)]
    found = (item for copy in copies for item in _environments(copy).values())
    return next((item for item in found if item is not env and item.name == env.name), env)


def _is_of(module: ModuleType, file: str) -> bool:
    path = getattr(module, "__file__", None)
    return path is not None and os.path.abspath(path) == file


def _environments(module: ModuleType) -> dict[str, Environment]:
    """A module's environments, by attribute."""
    return {name: item for name, item in vars(module).items() if isinstance(item, Environment)}


def _split_target(target: str) -> tuple[ModuleType, str | None]:
    name, colon, attribute = target.partition(":")
    if name.endswith(".py") or os.sep in name:
        path = Path(name)
        if not path.is_file():
            raise UserError(f"there is no file `{name}`")
        return load_module(path.resolve()), attribute or None
    return import_name(name), (attribute or None) if colon else None


def import_name(name: str) -> ModuleType:
    """Import a module by its dotted name, with this folder first on `sys.path`.

    Raises:
        UserError: there is no such module, or importing it failed (`detail` is the author's
            traceback).
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is None or not (name == exc.name or name.startswith(f"{exc.name}.")):
            raise _import_failure(name, exc) from exc
        known = [path.stem for path in Path.cwd().glob("*.py")]
        hint = did_you_mean(name, known)
        raise UserError(f"there is no module `{name}` here", hint=hint) from None
    except (Exception, SystemExit) as exc:
        raise _import_failure(name, exc) from exc


def _import_failure(name: str, exc: BaseException) -> UserError:
    hint = exc.hint if isinstance(exc, HudError) else import_hint(exc)
    return UserError(
        f"`{name}` cannot be imported: {_reason(exc)}", hint=hint, detail=author_traceback(exc)
    )


def _reason(exc: BaseException) -> str:
    if isinstance(exc, HudError):
        return exc.message
    if not isinstance(exc, ValidationError):
        return describe(exc)
    first = exc.errors(include_url=False)[0]
    return f"{exc.title}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _default_environment() -> Environment:
    """The one environment of this folder, in the first of the usual files that holds any."""
    files = [path for name in ENVIRONMENT_FILES if (path := Path.cwd() / name).is_file()]
    for path in files:
        module = load_module(path)
        if found := _environments(module):
            return _single(module, found)
    if files:
        return _only_environment(load_module(files[0]))
    names = ", ".join(ENVIRONMENT_FILES)
    raise UserError(
        f"there is no environment in this folder (looked for {names})",
        hint="name it: module:attribute",
    )


def author_traceback(exc: BaseException) -> str:
    """The traceback of a failed import, from the author's first line to the last one."""
    frames = traceback.extract_tb(exc.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith((OURS, "<frozen"))]
    return "".join(traceback.format_list(own) + traceback.format_exception_only(exc))

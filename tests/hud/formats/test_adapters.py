from __future__ import annotations

import json

import pytest

from hud.formats.adapters import FRAMEWORKS, adapter
from tests.command import Command

MISSING = """
import json, sys
from hud.errors import UserError
from hud.formats.adapters import FRAMEWORKS, adapter
said = {}
for framework, (module, _) in FRAMEWORKS.items():
    sys.modules[module] = None
    try:
        adapter(framework)
    except UserError as error:
        said[framework] = [error.message, error.hint]
print(json.dumps(said))
"""
OTHER = """
import sys, types
from hud.formats.adapters import adapter
sys.modules["agents"] = types.ModuleType("agents")
adapter("openai_agents")
"""
LOADED = """
import sys
import hud.environment.toolbox
print([name for name in {!r} if name in sys.modules])
"""


def test_a_missing_framework_names_what_to_install(python: Command) -> None:
    finished = python("-c", MISSING)
    assert json.loads(finished.stdout) == {
        framework: [f"the package `{package}` is not installed", f"pip install '{package}'"]
        for framework, (_, package) in FRAMEWORKS.items()
    }


def test_another_package_under_a_frameworks_name_is_told(python: Command) -> None:
    finished = python("-c", OTHER)
    assert "the package `openai-agents` cannot be used (cannot import name" in finished.stderr


def test_no_framework_is_loaded_before_it_is_asked_for(python: Command) -> None:
    modules = [module for module, _ in FRAMEWORKS.values()]
    finished = python("-c", LOADED.format(modules))
    assert (finished.stdout, finished.stderr) == ("[]\n", "")


def test_there_is_no_adapter_for_other_frameworks() -> None:
    with pytest.raises(KeyError):
        adapter("crewai")

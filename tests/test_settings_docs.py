"""The configuration table of the README names every variable, and nothing else."""

from __future__ import annotations

import re

from pydantic import AliasChoices

from hud.settings import Settings
from tests.command import ROOT

BEFORE_SETTINGS = {"HUD_HOME"}
"""Read before the settings, to find them."""


def variables() -> set[str]:
    names = set(BEFORE_SETTINGS)
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name.upper()]
        names.update(str(choice) for choice in choices)
    return names


def documented() -> set[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## Configuration")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| (`[^|]*)\|", table, flags=re.MULTILINE)
    return set(re.findall(r"`(\w+)`", " ".join(first_cells)))


def test_every_setting_stands_in_the_readme() -> None:
    assert documented() == variables()


def test_every_setting_says_what_it_means() -> None:
    source = (ROOT / "hud/settings.py").read_text(encoding="utf-8")
    bare = [
        name
        for name in Settings.model_fields
        if not re.search(rf'^    {name}: .*\n    """\w', source, re.M)
    ]
    assert bare == []

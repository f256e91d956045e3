"""What everything about environments shares."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from controller.builds import Builds
from controller.environments.engines import Engines
from controller.environments.ledger import Ledger
from controller.environments.lines import Lines
from controller.secrets import Secrets
from controller.settings import ControllerSettings, system_variables
from hud.errors import UserError
from hud.runtime.privileges import RUN_AS
from hud.runtime.project import Project

HOME = tempfile.gettempdir()
"""Home of authors' processes that run as another user."""


FIND_UNREADABLE = ("find", "-maxdepth", "1", "-name", "*.py", "!", "-readable", "-print", "-quit")


@dataclass(frozen=True)
class Services:
    """The services that environments are run with."""

    settings: ControllerSettings
    store: Ledger
    secrets: Secrets
    builds: Builds
    engines: Engines
    output: Lines
    """Takes what authors' code prints while nobody has a log for it."""

    def variables(self, project: Project) -> dict[str, str]:
        """The variables that a project declares, with their values.

        Raises:
            UserError: one has no value.
        """
        given = self.secrets.given(project.variables)
        for name in project.variables:
            if name not in given:
                raise UserError(
                    f"variable `{name}`, which [tool.hud] declares, has no value",
                    hint=f"hud set {name}=VALUE",
                )
        return given

    def process_variables(self, project: Project) -> dict[str, str]:
        """The whole environment of a project's processes.

        Raises:
            UserError: a declared variable has no value, or the user as whom they run cannot read
                the project's files.
        """
        variables = {**system_variables(), **self.variables(project)}
        if (user := self.user) is not None:
            check_readable(project.folder, user)
            variables |= {RUN_AS: str(user), "HOME": HOME, "HUD_HOME": f"{HOME}/.hud"}
        return variables

    @property
    def user(self) -> int | None:
        """The user as whom authors' processes run; None for the controller's own.

        Raises:
            UserError: the setting is not the number of a user.
        """
        wanted = self.settings.environment_user
        if wanted is None or os.getuid() != 0:
            return None
        if not wanted.isdecimal():
            raise UserError(f"HUD_ENVIRONMENT_USER is {wanted!r}, not the number of a user")
        return int(wanted)


def check_readable(folder: Path, user: int) -> None:
    """See that a user can read the Python files of a folder.

    Raises:
        UserError: one cannot be read, or the folder cannot be entered.
    """
    asked = [*FIND_UNREADABLE[:1], str(folder), *FIND_UNREADABLE[1:]]
    found = subprocess.run(
        asked, user=user, group=user, extra_groups=[], capture_output=True, text=True, check=False
    )
    if found.returncode or found.stdout:
        name = Path(found.stdout.strip() or folder).name
        told = f"`{name}` cannot be read by user {user}, as whom environments run here"
        raise UserError(told, hint="let everybody read the workspace: chmod -R a+rX FOLDER")

"""What everything about environments shares."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from controller.builds import Builds
from controller.environments.engines import Engines
from controller.environments.ledger import Ledger
from controller.environments.lines import Lines
from controller.environments.users import Users, home_of
from controller.secrets import Secrets
from controller.settings import ControllerSettings, system_variables
from hud.errors import UserError
from hud.runtime.privileges import RUN_AS
from hud.runtime.project import Project

USER = "author"
"""What users are called whose number has no name, by programs that ask."""


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

    def process_variables(self, name: str, project: Project) -> dict[str, str]:
        """The whole environment of the processes of the environment of that name.

        Raises:
            UserError: a declared variable has no value, or the user as whom they run cannot read
                the project's files.
        """
        variables = {**system_variables(), **self.variables(project)}
        if (user := self.user_of(name)) is not None:
            check_readable(project.folder, user)
            home = str(home_of(user))
            own = {"HOME": home, "TMPDIR": home, "HUD_HOME": f"{home}/.hud"}
            variables |= {RUN_AS: str(user), "USER": USER, "LOGNAME": USER, **own}
        return variables

    def user_of(self, name: str) -> int | None:
        """The user as whom the processes of an environment run; None for the controller's own.

        Raises:
            UserError: the setting is not the number of a user.
        """
        wanted = self.settings.environment_user
        if wanted is None or os.getuid() != 0:
            return None
        if not wanted.isdecimal():
            raise UserError(f"HUD_ENVIRONMENT_USER is {wanted!r}, not the number of a user")
        return Users(self.settings.data_dir / "users.json", int(wanted)).of(name)


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

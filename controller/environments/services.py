"""What everything about environments shares."""

from __future__ import annotations

from dataclasses import dataclass

from controller.builds import Builds
from controller.environments.engines import Engines
from controller.environments.ledger import Ledger
from controller.secrets import Secrets
from controller.settings import ControllerSettings, system_variables
from hud.errors import UserError
from hud.runtime.project import Project


@dataclass(frozen=True)
class Services:
    """The services that environments are run with."""

    settings: ControllerSettings
    store: Ledger
    secrets: Secrets
    builds: Builds
    engines: Engines

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
            UserError: a declared variable has no value.
        """
        return {**system_variables(), **self.variables(project)}

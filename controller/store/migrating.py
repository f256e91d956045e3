"""Brings a database's tables up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from hud.errors import UserError

FOLDER = Path(__file__).parent / "migrations"


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing, in the connection's transaction.

    Raises:
        UserError: the database was written by a newer version.
    """
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current == scripts.get_current_head():
        return
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        where = connection.engine.url.render_as_string(hide_password=True)
        raise UserError(
            f"the database {where} has version `{current}`, which is newer than this hud",
            hint="upgrade hud, or set HUD_DATABASE_URL to another database",
        )
    command.upgrade(config, "head")

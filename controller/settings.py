"""Every setting of the controller, read from the environment or `./.env`. Nothing else in
`controller` reads variables.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hud.errors import UserError
from hud.settings import USER_DIR

EVERY_ADDRESS = frozenset({"0.0.0.0", "::", "[::]", ""})
"""Hosts to listen at that nobody can connect to by that name."""

SYSTEM_VARIABLES = (
    *("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "PYTHONHOME", "PYTHONPATH"),
    *("SHELL", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV", "SSL_CERT_DIR", "SSL_CERT_FILE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    "HUD_HOME",
)
"""Variables that programs need to run at all."""


class ControllerSettings(BaseSettings):
    """Settings of the controller; each field documents its variable."""

    model_config = SettingsConfigDict(
        env_file=(USER_DIR / ".env", ".env"),
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
    )

    workspace: Path = Field(Path("environments"), validation_alias="HUD_WORKSPACE")
    """Folder whose subfolders are environments."""
    data_dir: Path = Field(USER_DIR / "controller", validation_alias="HUD_DATA_DIR")
    """Folder of what the controller keeps."""
    database: str | None = Field(None, validation_alias="HUD_DATABASE_URL")
    """URL of the database; a file in `data_dir` without one."""
    api_host: str = Field("127.0.0.1", validation_alias="HUD_API_HOST")
    """Address at which the HTTP API listens."""
    api_port: int = Field(8766, validation_alias="HUD_API_PORT", ge=0, le=65535)
    """Port of the HTTP API and of the model gateway."""
    mcp_host: str = Field("127.0.0.1", validation_alias="HUD_MCP_HOST")
    """Address at which environments are served."""
    mcp_port: int = Field(8765, validation_alias="HUD_MCP_PORT", ge=0, le=65535)
    """Port at which environments are served."""
    public_mcp_url: str | None = Field(None, validation_alias="HUD_MCP_URL")
    """How clients reach the MCP port where that differs from what the controller listens at."""
    in_container: bool = Field(False, validation_alias="HUD_IN_CONTAINER")
    """Whether the controller itself runs in a container."""
    host_workspace: Path | None = Field(None, validation_alias="HUD_HOST_WORKSPACE")
    """The workspace's path on the engine's host, where the controller itself is in a container."""
    allowed_hosts: str = Field("", validation_alias="HUD_ALLOWED_HOSTS")
    """Names by which the API may be called beside this machine's own, separated by commas."""
    retention_days: int | None = Field(None, validation_alias="HUD_RETENTION_DAYS", ge=1)
    """Days for which jobs are kept; unset keeps them."""
    api_key: str | None = Field(None, validation_alias="HUD_API_KEY", repr=False)
    """Token that clients have to show; unset, one is generated at the first start."""
    token_copy: Path | None = Field(None, validation_alias="HUD_TOKEN_COPY")
    """Files, with `:` between them, that get a copy of the token, for clients elsewhere."""
    environment_user: str | None = Field(None, validation_alias="HUD_ENVIRONMENT_USER")
    """Number of the first user as whom authors' code runs in processes of the controller, where
    root starts them; each environment has one of its own.
    """

    @property
    def token_copies(self) -> tuple[Path, ...]:
        """Where copies of the token are left."""
        named = str(self.token_copy).split(os.pathsep) if self.token_copy is not None else ()
        return tuple(Path(name) for name in named)

    @property
    def database_url(self) -> str:
        """Where the store is."""
        return self.database or f"sqlite:///{self.data_dir.absolute() / 'hud.db'}"

    @property
    def mcp_url(self) -> str:
        """The address, without a path, at which clients on this machine reach environments."""
        return self.public_mcp_url or f"http://{reachable(self.mcp_host)}:{self.mcp_port}"

    @property
    def api_url(self) -> str:
        """The address, without a path, at which this machine reaches the HTTP API."""
        return f"http://{reachable(self.api_host)}:{self.api_port}"

    @property
    def hosts(self) -> frozenset[str]:
        """Names beside this machine's own by which the API may be called."""
        return frozenset(name.strip().lower() for name in self.allowed_hosts.split(",")) - {""}


def reachable(host: str) -> str:
    """The host to connect to for one to listen at."""
    if host in EVERY_ADDRESS:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def get_settings() -> ControllerSettings:
    """The settings as they are now.

    Raises:
        UserError: a variable's value cannot be used.
    """
    try:
        return ControllerSettings()
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        raise UserError(f"{name}: {first['msg']}", hint=f"unset {name}") from exc


def variable(name: str) -> str | None:
    """The value of an environment variable that names a provider's key; None if unset or empty."""
    return os.environ.get(name) or None


def system_variables() -> dict[str, str]:
    """What authors' processes get of the controller's own environment."""
    return {name: os.environ[name] for name in SYSTEM_VARIABLES if name in os.environ}

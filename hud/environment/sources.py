"""What can be connected to an environment, each as a `Source` that knows how to open itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

from hud.environment.connections import Source, Transform
from hud.environment.session import Connection
from hud.errors import UserError


def naming(
    prefix: str | None = None,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    transform: Transform | None = None,
) -> dict[str, Any]:
    """The fields of a `Source` that say which tools are offered under which names."""
    return {
        "prefix": prefix,
        "include": None if include is None else tuple(include),
        "exclude": tuple(exclude or ()),
        "transform": transform,
    }


def from_url(
    url: str, headers: Mapping[str, str] | None, name: str | None, options: dict[str, Any]
) -> Source:
    """A server over Streamable HTTP.

    Raises:
        UserError: not an http or https URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UserError(f"{url!r} is not an http or https URL")
    label = name or parts.netloc

    def opener() -> AbstractAsyncContextManager[Connection]:
        from hud.environment.mcp_client import open_url  # noqa: PLC0415 - MCP's client stack, loaded on first use

        return open_url(url, headers, label)

    return Source(label, opener, **options)


def named_server(config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The name and configuration of one server, which may be given as `{name: configuration}`.

    Raises:
        UserError: it holds several servers.
    """
    servers = config.get("mcpServers", config)
    if not all(isinstance(value, Mapping) for value in servers.values()):
        return "mcp", config
    if len(servers) != 1:
        raise UserError(
            f"the configuration holds {len(servers)} MCP servers, not one",
            hint="connect several with `env.connect_mcp_config(...)`",
        )
    name, server = next(iter(servers.items()))
    return str(name), server


def from_config(name: str, config: Mapping[str, Any], options: dict[str, Any]) -> Source:
    """A server as MCP clients configure it: `{"url", "headers"}` or `{"command", "args", "env",
    "cwd"}`.

    Raises:
        UserError: the configuration has neither.
    """
    if config.get("url"):
        return from_url(str(config["url"]), config.get("headers"), name, options)
    command = config.get("command")
    if not command:
        raise UserError(
            f"the configuration of the MCP server `{name}` has neither `url` nor `command`"
        )
    args = [str(item) for item in config.get("args") or ()]

    def opener() -> AbstractAsyncContextManager[Connection]:
        from hud.environment.mcp_client import open_stdio  # noqa: PLC0415 - as above

        return open_stdio(str(command), args, config.get("env"), config.get("cwd"), name)

    hint = f"run its command, `{command}`, by itself to see why; it gets the variables of its `env`"
    return Source(name, opener, is_local=True, hint=hint, **options)


def from_server(server: Any, name: str | None, options: dict[str, Any]) -> Source:
    """A server object of this process: another `Environment`, or a server of the MCP or FastMCP
    library.
    """
    label = name or str(getattr(server, "name", "server"))

    def opener() -> AbstractAsyncContextManager[Connection]:
        from hud.environment.mcp_client import open_environment, open_server  # noqa: PLC0415 - as above

        if hasattr(server, "session") and hasattr(server, "lifecycle"):
            return open_environment(server)
        return open_server(_low_level(server), label)

    return Source(label, opener, is_local=True, **options)


def _low_level(server: Any) -> Any:
    """The official library's server inside a FastMCP one; other servers as they are."""
    return getattr(server, "_mcp_server", server)


def from_fastapi(
    app: Any, name: str | None, include_hidden: bool, options: dict[str, Any]
) -> Source:
    """The operations of a FastAPI application, called in this process.

    Raises:
        UserError: the FastMCP library is missing.
    """
    from hud.environment.openapi import server_from_fastapi  # noqa: PLC0415 - the optional FastMCP library

    label = name or str(getattr(app, "title", "api"))
    return from_server(server_from_fastapi(app, label, include_hidden), label, options)


def from_openapi(
    spec: Any,
    base_url: str | None,
    headers: Mapping[str, str] | None,
    timeout: float,
    name: str | None,
) -> Any:
    """A server object for the operations of an OpenAPI document (a dict, a path or a URL).

    Raises:
        UserError: the document cannot be read, or the FastMCP library is missing.
    """
    from hud.environment.openapi import server_from_openapi  # noqa: PLC0415 - the optional FastMCP library

    return server_from_openapi(spec, base_url, headers, timeout, name or "api")


def from_image(
    image: str, name: str | None, container: dict[str, Any], options: dict[str, Any]
) -> Source:
    """The environment in a container image; `container` says how its container is made."""
    label = name or image.rpartition("/")[2].partition(":")[0]

    def opener() -> AbstractAsyncContextManager[Connection]:
        from hud.runtime.container import open_image  # noqa: PLC0415 - the named door to containers

        return open_image(image, **container)

    imports = ("hud.runtime.container", "docker")
    return Source(
        label, opener, is_local=True, is_private=True, seconds=None, imports=imports, **options
    )


def from_hub(slug: str, name: str | None, options: dict[str, Any]) -> Source:
    """An environment that the controller has registered.

    Raises:
        UserError: the slug is neither `organisation/name` nor `name`.
    """
    parts = slug.split("/")
    if not 1 <= len(parts) <= 2 or not all(parts):
        raise UserError(f"{slug!r} names no environment", hint="organisation/name, or name")

    def opener() -> AbstractAsyncContextManager[Connection]:
        from hud.environment.registered import open_registered  # noqa: PLC0415 - as above

        return open_registered(slug)

    return Source(name or parts[-1], opener, is_private=True, seconds=None, **options)

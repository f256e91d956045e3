"""What an author connects: servers by address, configuration, object, image or document."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from hud.environment import sources
from hud.environment.connections import Source, Transform
from hud.environment.foreign import from_agents_sdk
from hud.errors import UserError, did_you_mean


class Connecting(ABC):
    """Connections that were declared, in order; each is opened when the environment is entered."""

    def __init__(self) -> None:
        self.sources: list[Source] = []

    @abstractmethod
    def add_tool(self, tool: Any, **options: Any) -> Any:
        """Declare a tool."""

    @property
    def connections(self) -> dict[str, Source]:
        """The declared connections, by name."""
        return {source.name: source for source in self.sources}

    @property
    def local_connections(self) -> list[str]:
        """Names of connections whose server runs on this machine."""
        return [source.name for source in self.sources if source.is_local]

    @property
    def is_parallelizable(self) -> bool:
        """Whether all connections are to other machines; rollouts are isolated in either case."""
        return not self.local_connections

    def connect_server(self, server: Any, prefix: str | None = None, **options: Any) -> Self:
        """Connect a server object of this process. `options`: name, include, exclude, transform."""
        return self._connect(
            sources.from_server(server, options.pop("name", None), _naming(prefix, options))
        )

    def connect_url(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        alias: str | None = None,
        **options: Any,
    ) -> Self:
        """Connect a server over Streamable HTTP; every header is sent. `options`: prefix, include,
        exclude, transform.
        """
        return self._connect(sources.from_url(url, headers, alias, _naming(None, options)))

    def connect_mcp(
        self, config: Mapping[str, Any], alias: str | None = None, **options: Any
    ) -> Self:
        """Connect one server by its configuration (`url` or `command`), or `{name: configuration}`.

        `options` as for `connect_url`.
        """
        name, server = sources.named_server(config)
        return self._connect(sources.from_config(alias or name, server, _naming(None, options)))

    def connect_mcp_config(
        self, mcp_config: Mapping[str, Mapping[str, Any]], **options: Any
    ) -> Self:
        """Connect all servers of a configuration, each by its name."""
        servers = mcp_config.get("mcpServers", mcp_config)
        for name, config in servers.items():
            self._connect(sources.from_config(name, config, _naming(None, dict(options))))
        return self

    def connect_fastapi(
        self,
        app: Any,
        name: str | None = None,
        prefix: str | None = None,
        include_hidden: bool = True,
    ) -> Self:
        """Connect the operations of a FastAPI application as tools (extra `openapi`)."""
        return self._connect(sources.from_fastapi(app, name, include_hidden, _naming(prefix, {})))

    def connect_openapi(
        self,
        openapi_spec: Any,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Self:
        """Connect the operations of an OpenAPI document as tools (extra `openapi`). `options`:
        name, prefix, timeout.
        """
        name = options.pop("name", None)
        server = sources.from_openapi(
            openapi_spec, base_url, headers, float(options.pop("timeout", 30.0)), name
        )
        return self.connect_server(server, name=name, **options)

    def connect_function_tools(self, tools: Iterable[Any], prefix: str | None = None) -> Self:
        """Add function tools of the OpenAI Agents SDK."""
        for tool in map(from_agents_sdk, tools):
            self.add_tool(tool.renamed(prefixed(prefix, tool.name)))
        return self

    def connect_image(
        self,
        image: str,
        *,
        alias: str | None = None,
        docker_args: Sequence[str] | None = None,
        env_vars: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Self:
        """Connect the environment in a container image: a container starts on entering and is
        removed on leaving.

        `env_vars` are the only variables that enter it; `docker_args` are options of `docker run`
        that the policy admits. `options`: prefix, include, exclude, transform, sandbox (see
        `hud.containers.Sandbox`).
        """
        sandbox = options.pop("sandbox", None)
        container = {
            "env_vars": env_vars,
            "docker_args": tuple(docker_args or ()),
            "sandbox": sandbox,
        }
        return self._connect(sources.from_image(image, alias, container, _naming(None, options)))

    def connect_hub(self, slug: str, *, alias: str | None = None, **options: Any) -> Self:
        """Connect an environment that the controller has registered: `organisation/name`, or
        `name`. Each rollout gets an instance of its own.

        `options`: prefix, include, exclude, transform.
        """
        return self._connect(sources.from_hub(slug, alias, _naming(None, options)))

    def _connect(self, source: Source) -> Self:
        taken = {known.name for known in self.sources}
        name, number = source.name, 2
        while name in taken:
            name, number = f"{source.name}-{number}", number + 1
        self.sources.append(replace(source, name=name))
        return self


def prefixed(prefix: str | None, name: str) -> str:
    """`{prefix}_{name}`; a hidden name stays hidden."""
    if not prefix:
        return name
    return f"_{prefix}{name}" if name.startswith("_") else f"{prefix}_{name}"


def _naming(prefix: str | None, options: dict[str, Any]) -> dict[str, Any]:
    transform: Transform | None = options.pop("transform", None)
    chosen = sources.naming(
        options.pop("prefix", prefix),
        options.pop("include", None),
        options.pop("exclude", None),
        transform,
    )
    if options:
        raise UserError(
            f"unknown option {sorted(options)[0]!r} of a connection",
            hint=did_you_mean(min(options), chosen),
        )
    return chosen

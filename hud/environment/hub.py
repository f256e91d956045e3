"""A hub: functions behind one tool that takes `name` and `arguments`, as environments of v4 group
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hud.environment.dispatcher import Dispatcher
from hud.environment.environment import Environment
from hud.environment.foreign import EnvironmentTool, as_tool
from hud.types import MCPToolResult


class BaseHub(Environment):
    """A router whose functions are hidden behind one tool of its name: `env.mount(hub)`.

    Functions declared after mounting are reached as well.
    """

    def __init__(self, name: str, *, env: Any = None, **options: Any) -> None:
        """Make an empty hub.

        `env` is whatever the functions act on, theirs as `hub.env`. `options` are `title`,
        `description` and `meta` of the tool.
        """
        super().__init__(name)
        self.env = env
        self.functions: dict[str, EnvironmentTool] = {}
        dispatcher = Dispatcher(name, self.functions, options)
        self.tools[name] = dispatcher
        self.resource(
            f"file:///{name}/functions",
            name=f"{name} functions",
            description=f"Names of the functions behind `{name}`",
            mime_type="application/json",
        )(lambda: list(self.functions))

    def add_tool(self, tool: Any, **options: Any) -> Any:
        """Declare a function behind the hub: see `Environment.add_tool`."""
        adapted = as_tool(tool, **options)
        self.functions[adapted.name] = adapted
        return tool

    async def run_tool(
        self, name: str, arguments: Mapping[str, Any], context: Any = None
    ) -> MCPToolResult:
        """Run one of the functions, or the hub's own tool.

        Raises:
            ToolError: there is neither.
        """
        if name in self.functions:
            return await self.functions[name].run(arguments, context)
        return await super().run_tool(name, arguments, context)

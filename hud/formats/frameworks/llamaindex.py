"""Tools for LlamaIndex."""

from __future__ import annotations

import base64
import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import mcp_types
from llama_index.core.base.llms.types import ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool, ToolMetadata
from pydantic import BaseModel, ConfigDict

from hud.errors import ToolError
from hud.formats import content
from hud.formats.adapters import Caller
from hud.formats.fields import make_call
from hud.formats.schemas import Schema, plain_root
from hud.types import MCPToolResult


@dataclass
class EnvironmentToolMetadata(ToolMetadata):
    """Metadata with the argument schema as it is; LlamaIndex keeps five keywords otherwise."""

    schema: dict[str, Any] = field(default_factory=dict)

    def get_parameters_dict(self) -> dict[str, Any]:
        """The argument schema, whole."""
        return copy.deepcopy(self.schema)


def tools(offered: Sequence[mcp_types.Tool], call: Caller) -> list[FunctionTool]:
    """One function tool per tool, for `acall`.

    A failure is raised as `ToolError`; LlamaIndex's agents show it to the model.
    """
    return [_tool(tool, call) for tool in offered]


def _tool(tool: mcp_types.Tool, call: Caller) -> FunctionTool:
    async def run(**arguments: Any) -> str | list[TextBlock | ImageBlock]:
        returned = await call(make_call(tool.name, arguments))
        if returned.is_error:
            raise ToolError(content.error_text(returned))
        return _output(returned)

    schema = plain_root(tool.input_schema)
    metadata = EnvironmentToolMetadata(
        description=tool.description or "",
        name=tool.name,
        fn_schema=_model(tool.name, schema),
        schema=schema,
    )
    return FunctionTool(async_fn=run, metadata=metadata)


def _model(name: str, schema: Schema) -> type[BaseModel]:
    """What stands for the schema where LlamaIndex asks for a class; the environment validates."""

    class Arguments(BaseModel):
        model_config = ConfigDict(extra="allow", title=name)

        @classmethod
        def model_json_schema(cls, *args: Any, **options: Any) -> Schema:
            return copy.deepcopy(schema)

    return Arguments


def _output(returned: MCPToolResult) -> str | list[TextBlock | ImageBlock]:
    if not content.images(returned):
        return content.text(returned)
    return [
        TextBlock(text=part.text)
        if isinstance(part, mcp_types.TextContent)
        else ImageBlock(image=base64.b64decode(part.data), image_mimetype=part.mime_type)
        for part in content.parts(returned, content.COMMON_IMAGES)
    ]

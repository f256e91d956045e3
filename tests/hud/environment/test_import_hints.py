"""An author's import that cannot work here says what to do instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from hud.environment.modules import load_module
from hud.errors import UserError

HINTS = {
    "from mcp import McpError": "`MCPError` now",
    "from mcp.shared.exceptions import McpError": "`MCPError` now",
    "from mcp.shared.context import RequestContext": "ServerRequestContext",
    "from mcp.client.streamable_http import streamablehttp_client": "streamable_http_client",
    "from mcp.server.fastmcp import FastMCP": "from hud.server import MCPServer",
    "from fastmcp.tools.tool import Tool": "from fastmcp.tools import Tool",
    "from hud.otel import configure": "docs/migration.md",
    "from hud import job": "docs/migration.md",
    "from hud.graders import Grade": "hud.native.graders",
    "from hud.tools.executors.pyautogui import PyAutoGUIExecutor": "XDOExecutor",
    "raise ModuleNotFoundError('No module named fastmcp', name='fastmcp')": "hud-local[v5]",
}


@pytest.mark.parametrize("line", HINTS)
def test_an_import_that_cannot_work_is_hinted_at(line: str, tmp_path: Path) -> None:
    (tmp_path / "importing.py").write_text(line + "\n")
    with pytest.raises(UserError, match=r"`importing.py` cannot be imported") as failure:
        load_module(tmp_path / "importing.py")
    assert HINTS[line] in (failure.value.hint or "")


def test_an_import_of_which_nothing_is_known_has_no_hint(tmp_path: Path) -> None:
    (tmp_path / "importing.py").write_text("import no_such_package_anywhere\n")
    with pytest.raises(UserError) as failure:
        load_module(tmp_path / "importing.py")
    assert failure.value.hint is None


@pytest.mark.parametrize(
    "line",
    [
        "from mcp.types import ImageContent; ImageContent(type='image', data='', mimeType='a/b')",
        "from mcp.types import CallToolResult, ContentBlock, EmbeddedResource, INVALID_PARAMS",
        "from mcp import ClientSession, StdioServerParameters",
        "from fastmcp import FastMCP, Client, Context",
        "from fastmcp.exceptions import ToolError",
        "from fastmcp.utilities.types import Image",
        "from fastmcp.server.dependencies import get_context",
        "import httpx, openai",
    ],
)
def test_what_published_code_imports_of_other_packages_works(line: str, tmp_path: Path) -> None:
    (tmp_path / "importing.py").write_text(line + "\n")
    load_module(tmp_path / "importing.py")

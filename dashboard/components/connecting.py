"""How editors and agents connect to an environment's endpoint."""

from __future__ import annotations

import json
import shlex

import streamlit as st

CLIENTS = ("Cursor", "Claude Code", "VS Code", "Python")


def show_connecting(name: str, endpoint: str, key: str) -> None:
    """What to paste where, for the client that is chosen."""
    client = st.segmented_control(
        "Connect from", CLIENTS, default=CLIENTS[0], required=True, key=key, width="content"
    )
    where, text, language = snippet(str(client), name, endpoint)
    st.caption(where)
    st.code(text, language=language)


def snippet(client: str, name: str, endpoint: str) -> tuple[str, str, str]:
    """Where it goes, what to paste, and its language."""
    if client == "Claude Code":
        command = ["claude", "mcp", "add", "--transport", "http", name, endpoint]
        return "In a terminal", shlex.join(command), "bash"
    if client == "VS Code":
        servers = {"servers": {name: {"type": "http", "url": endpoint}}}
        return "In `.vscode/mcp.json`", json.dumps(servers, indent=2), "json"
    if client == "Python":
        made = f"env = Environment({name!r})"
        code = f"from hud import Environment\n\n{made}\nenv.connect_url({endpoint!r})"
        return "In a module of tasks", code, "python"
    servers = {"mcpServers": {name: {"url": endpoint}}}
    return "In `.cursor/mcp.json`", json.dumps(servers, indent=2), "json"

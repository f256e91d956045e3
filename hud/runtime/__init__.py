"""Runtimes: one instance of an environment, as an MCP connection."""

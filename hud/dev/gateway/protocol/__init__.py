"""MCP as it is on the wire: messages and events."""

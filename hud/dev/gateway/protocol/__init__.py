"""MCP as it is on the wire: messages, events, envelopes."""

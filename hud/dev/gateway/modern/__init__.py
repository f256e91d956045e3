"""Clients of the newer era (2026-07-28), in front of upstreams of either era."""

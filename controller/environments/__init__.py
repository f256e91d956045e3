"""Environments of the workspace and registered ones: found, started, watched and spoken to."""

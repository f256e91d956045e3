"""Environments of the workspace and registered ones: found, built, started, watched and spoken to."""

"""Environments in containers that are reloaded: images, mounts, and who starts versions inside."""

"""Needs a package that the Dockerfile forgot."""

import yaml

yaml.safe_load("")

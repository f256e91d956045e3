"""Fails as programs with a window do where there is no display."""

import os
import sys

if "DISPLAY" not in os.environ:
    sys.exit("Error: cannot open display:")

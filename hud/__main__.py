"""`python -m hud`."""

import sys

from hud.cli.main import main

sys.exit(main())

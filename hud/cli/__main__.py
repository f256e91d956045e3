"""`python -m hud.cli`."""

import sys

from hud.cli.main import main

sys.exit(main())

"""An environment that cannot be imported."""

import a_library_that_nobody_installed

from hud import Environment

env = Environment("broken")
index = a_library_that_nobody_installed.open()

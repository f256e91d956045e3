"""What the controller refuses, beside what `hud.errors` knows; the class says which status it is.

UserError
  NotFound    404  there is nothing of that name
  Conflict    409  not in the state that it is in
  TooLarge    413  more bytes than fit
"""

from __future__ import annotations

from hud.errors import HudError, UserError


class NotFound(UserError):
    """There is nothing of that name or id."""


class Conflict(UserError):
    """It cannot be done in the state that things are in."""


class Busy(HudError):
    """As much is going on as can; it may be tried again."""


class TooLarge(UserError):
    """What was sent has more bytes than are taken."""

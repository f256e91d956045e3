"""What can go wrong, as one tree: the class says which boundary was crossed.

1. Vocabulary: `HudError` and its children; each carries one line (`message`) and the next command
   to type (`hint`).
2. Classification: a rollout that fails does so at a `boundary` (see `Boundary`); the class knows
   which.
3. Attribution: author's and third-party code raises plain Python; `boundary(cls, what)` translates
   what escapes, once.
4. Surfacing: only the edges render. A `UserError` never shows a traceback, an unexpected exception
   always does.

    HudError
      UserError               a bad task file, an unknown slug, a missing key
        LeftOut               something that the original has and this SDK has not
      ToolError               a tool call that ended in an error
      EnvironmentFailure      the author's code, or the process that runs it
        StartFailure          the environment could not be imported, forked or spawned
        InitializeFailure     an `@env.initialize` hook or a connection failed
        SetupFailure          a scenario failed before it yielded its prompt
        GradingFailure        a scenario failed after the answer, or its reward is not a number
      AgentFailure            the agent's own code
        ProviderFailure       a model provider refused, failed or could not be reached
      LimitReached            a time limit ended the work
      DockerFailure           the container engine
      ConnectionFailure       an MCP server that could not be reached or spoke nonsense
      ControllerUnavailable   the controller does not answer
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

Boundary = Literal[
    "build", "start", "initialize", "setup", "agent", "provider", "environment", "limit", "grading"
]
"""Where a rollout failed."""


class HudError(Exception):
    """An error with one line for the reader and, where one helps, the next command to type.

    `detail` holds longer evidence (an author's traceback, a server's last lines); edges may show it
    below the line.
    """

    boundary: Boundary = "environment"

    def __init__(self, message: str, *, hint: str | None = None, detail: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail


class UserError(HudError):
    """What the user gave cannot be used; the message names the thing and the reason."""


class LeftOut(UserError, ImportError):
    """The original has this; here it is left out on purpose."""


def left_out(name: str, instead: str) -> LeftOut:
    """The error for a name of the original; `instead` says what to do."""
    error = LeftOut(f"`{name}` is left out of hud-local", hint=instead)
    error.add_note(f"hint: {instead}")  # a script of one's own shows no hints
    return error


class ToolError(HudError):
    """A tool call ended in an error: the tool raised, is unknown, or was given bad arguments."""


class EnvironmentFailure(HudError):
    """The environment's own code, or the process that runs it, failed."""


class StartFailure(EnvironmentFailure):
    """The environment could not be started."""

    boundary: Boundary = "start"


class InitializeFailure(EnvironmentFailure):
    """An initialize hook or one of the environment's connections failed."""

    boundary: Boundary = "initialize"


class SetupFailure(EnvironmentFailure):
    """A scenario failed before it yielded its prompt."""

    boundary: Boundary = "setup"


class GradingFailure(EnvironmentFailure):
    """A scenario failed after the answer was given, or what it yielded is not a reward."""

    boundary: Boundary = "grading"


class AgentFailure(HudError):
    """The agent's own code failed."""

    boundary: Boundary = "agent"


class ProviderFailure(AgentFailure):
    """A model provider refused, failed or could not be reached."""

    boundary: Boundary = "provider"


class LimitReached(HudError):
    """A time limit ended the work."""

    boundary: Boundary = "limit"


class DockerFailure(HudError):
    """The container engine is missing, refused, or a container failed."""

    boundary: Boundary = "start"


class ConnectionFailure(HudError):
    """An MCP server could not be reached, went away, or spoke nonsense."""

    boundary: Boundary = "initialize"


class ControllerUnavailable(HudError):
    """The controller does not answer."""


@contextmanager
def boundary(error: type[HudError], what: str) -> Iterator[None]:
    """Attribute whatever escapes the block to `error`, with a message that starts with `what`.

    A `HudError` that is already attributed passes unchanged, as do cancellation and exits.
    """
    try:
        yield
    except HudError:
        raise
    except (
        Exception
    ) as exc:  # the one place where author's and third-party exceptions get their boundary
        raise error(f"{what}: {describe(exc)}") from exc


def describe(exc: BaseException) -> str:
    """One line for an exception: its type and the first line of its text."""
    first_line = next(iter(str(exc).strip().splitlines()), "")
    return f"{type(exc).__name__}: {first_line}" if first_line else type(exc).__name__


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint that offers the known names near `name`, or all of them where they are few."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(f'`{match}`' for match in close)}?"
    return (
        f"there are {', '.join(f'`{match}`' for match in names)}" if 0 < len(names) <= 12 else None
    )


def error_data(exc: HudError, *, with_detail: bool = True) -> dict[str, Any]:
    """An error's class, hint and detail as the `data` of a JSON-RPC error, for `error_from`."""
    kind = next(cls.__name__ for cls in type(exc).__mro__ if cls.__name__ in _KINDS)
    return {"kind": kind, "hint": exc.hint, "detail": exc.detail if with_detail else None}


def error_from(message: str, data: Any, otherwise: type[HudError] = EnvironmentFailure) -> HudError:
    """The error that `error_data` described, or one of the class `otherwise` where it did not."""
    described = data if isinstance(data, dict) else {}
    kind = _KINDS.get(str(described.get("kind")), otherwise)
    return kind(message, hint=described.get("hint"), detail=described.get("detail"))


def _family(cls: type[HudError]) -> Iterator[type[HudError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _family(child)


_KINDS = {cls.__name__: cls for cls in _family(HudError)}

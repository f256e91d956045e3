"""A controller that does not answer takes nothing away: the last data stays, and the page's frame
says so once (`lost`) and asks whether it is back (`look_again`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar

import streamlit as st

from dashboard.news import News
from hud.client import Client
from hud.errors import ControllerUnavailable, HudError

P = ParamSpec("P")
T = TypeVar("T")

KEPT = 256
"""How many answers are kept for the time when the controller does not answer."""
LOOK_SECONDS = 1.0
"""How long a look at whether the controller is there may take."""
_LOST = "controller-lost"
_reads: list[Any] = []


class Unanswered(ControllerUnavailable):
    """The controller is lost, and what it said before is not remembered; the banner says it all."""


class LastAnswers:
    """The last answer to each question, the least recently given ones dropped."""

    def __init__(self) -> None:
        self._answers: OrderedDict[object, object] = OrderedDict()
        self._lock = Lock()

    def keep(self, question: object, answer: object) -> None:
        """Remember an answer."""
        with self._lock:
            self._answers[question] = answer
            self._answers.move_to_end(question)
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)

    def recall(self, question: object) -> object | None:
        """The answer to that question, if it is remembered."""
        with self._lock:
            return self._answers.get(question)


@st.cache_resource
def last_answers() -> LastAnswers:
    """The memory that all sessions share."""
    return LastAnswers()


def lost() -> ControllerUnavailable | None:
    """Why the controller did not answer this session's last question; None if it did."""
    error: ControllerUnavailable | None = st.session_state.get(_LOST)
    return error


def look_again() -> bool:
    """Whether the controller answers now; takes `LOOK_SECONDS` at most."""
    try:
        _looking().health()
    except ControllerUnavailable as exc:
        st.session_state[_LOST] = exc
    except HudError:
        st.session_state[_LOST] = None
    else:
        st.session_state[_LOST] = None
    return lost() is None


def forget() -> None:
    """Ask the controller afresh from now on, after something was changed."""
    for cached in _reads:
        cached.clear()


def remembered(
    seconds: float, topics: Callable[..., Sequence[str]] | None = None
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a read be answered from memory for `seconds`, and for longer while the controller does
    not answer. Arguments have to be hashable; all sessions share an answer, so leave it as it is.
    With `topics` it is asked again, too, as soon as there are news of one that it returns.

    A lost controller is not asked again until `look_again` finds it; meanwhile a read raises
    `Unanswered` where it has no earlier answer. Where only this answer takes too long, the earlier
    one stands in; without one, the read raises.
    """

    def decorate(read: Callable[P, T]) -> Callable[P, T]:
        cached = st.cache_resource(ttl=seconds, max_entries=KEPT, show_spinner=False)(
            _versioned(read)
        )
        _reads.append(cached)

        @wraps(read)
        def answer(*args: P.args, **kwargs: P.kwargs) -> T:
            question = (read.__name__, args, tuple(sorted(kwargs.items())))
            error: ControllerUnavailable | None = None
            if lost() is None:
                try:
                    state = _state(topics(*args, **kwargs)) if topics else ()
                    value = cached(state, *args, **kwargs)
                except ControllerUnavailable as exc:
                    error = exc
                    look_again()
                else:
                    last_answers().keep(question, value)
                    return value
            earlier = last_answers().recall(question)
            if earlier is None:
                raise _why(error)
            return earlier  # type: ignore[return-value]  # what this very read answered before

        return answer

    return decorate


def _versioned(read: Callable[P, T]) -> Callable[..., T]:
    """A read whose first argument only tells its answers apart."""

    def versioned(state: tuple[int, ...], *args: P.args, **kwargs: P.kwargs) -> T:
        return read(*args, **kwargs)

    versioned.__qualname__ = read.__qualname__
    versioned.__module__ = read.__module__
    return versioned


def _state(topics: Sequence[str]) -> tuple[int, ...]:
    with suppress(HudError):  # the read itself finds out what is wrong
        news().ask(_looking())
    return news().state_of(topics)


@st.cache_resource
def news() -> News:
    """What all sessions have heard."""
    return News()


def _why(error: ControllerUnavailable | None) -> ControllerUnavailable:
    """The error itself, where the controller answers other questions."""
    gone = lost()
    return Unanswered(gone.message, hint=gone.hint) if gone else error or Unanswered("no answer")


@st.cache_resource(on_release=Client.close)
def _looking() -> Client:
    return Client(seconds=LOOK_SECONDS)

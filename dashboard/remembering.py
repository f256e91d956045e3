"""A controller that does not answer takes nothing away: the last data stays, and the page's frame
says so once (`lost`).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import ParamSpec, TypeVar

import streamlit as st

from hud.errors import ControllerUnavailable

P = ParamSpec("P")
T = TypeVar("T")

KEPT = 256
"""How many answers are kept for the time when the controller does not answer."""
PAUSE_SECONDS = 3.0
"""For how long it is not asked again by a session whose question it did not answer."""
_LOST = "controller-lost"
_LOST_AT = "controller-lost-at"


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


def remembered(seconds: float) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a read be answered from memory for `seconds`, and for longer while the controller does
    not answer. Arguments have to be hashable.

    The read ends the page where there is no answer, nor an earlier one.
    """

    def decorate(read: Callable[P, T]) -> Callable[P, T]:
        cached = st.cache_data(ttl=seconds, max_entries=KEPT, show_spinner=False)(read)

        @wraps(read)
        def answer(*args: P.args, **kwargs: P.kwargs) -> T:
            question = (read.__name__, args, tuple(sorted(kwargs.items())))
            if time.monotonic() - st.session_state.get(_LOST_AT, -PAUSE_SECONDS) >= PAUSE_SECONDS:
                try:
                    value = cached(*args, **kwargs)
                except ControllerUnavailable as exc:
                    st.session_state[_LOST] = exc
                    st.session_state[_LOST_AT] = time.monotonic()
                else:
                    st.session_state[_LOST] = None
                    last_answers().keep(question, value)
                    return value
            earlier = last_answers().recall(question)
            if earlier is None:
                st.stop()
            return earlier  # type: ignore[return-value]  # what this very read answered before

        return answer

    return decorate

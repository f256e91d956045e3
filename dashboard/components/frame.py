"""The frame of every page: its title line, its live parts, and the banner where the controller does
not answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

import streamlit as st

from dashboard.components.plain import cleaned, escaped
from dashboard.components.status import Look, badge
from dashboard.remembering import Unanswered, look_again, lost
from hud.errors import HudError

logger = logging.getLogger(__name__)

P = ParamSpec("P")
WATCH_SECONDS = 3.0
"""How often a page looks whether the controller is there."""


def header(title: str, about: str = "", look: Look | None = None) -> None:
    """A page's first line: its name, what it is about in grey, and its status at the right."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escaped(title), anchor=False, width="content")
        if about:
            st.caption(escaped(about, 400), width="stretch")
        else:
            st.space("stretch")
        if look is not None:
            badge(look)


def heading(text: str, about: str = "") -> None:
    """A card's first line: what it holds, and a few words on it in grey."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{escaped(text)}**", width="content")
        if about:
            st.caption(escaped(about, 300), width="content")


def live(seconds: float | None) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Let a part of a page run again by itself every so many seconds, the rest of the page staying
    as it is; with None only when something in it is used. What it raises is a line in its place.
    """

    def decorate(part: Callable[P, None]) -> Callable[P, None]:
        @wraps(part)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                part(*args, **kwargs)
            except Unanswered:
                return
            except HudError as exc:
                show_error(exc)
            except Exception as exc:  # noqa: BLE001 - a bug of ours: the other parts stay, the log has it
                _show_bug(exc)

        return st.fragment(guarded, run_every=seconds)

    return decorate


@contextmanager
def watched_over() -> Iterator[None]:
    """Around a page: shows a banner above it while the controller does not answer, and a refusal
    as one line with its hint instead of a trace.
    """
    place = st.container()
    try:
        yield
    except Unanswered:
        pass  # the banner says it
    except HudError as exc:
        show_error(exc)
    except Exception as exc:  # noqa: BLE001 - as above
        _show_bug(exc)
    finally:
        with place:
            _watch()


def show_error(exc: HudError) -> None:
    """One line with the reason, and the hint below it."""
    st.error(escaped(exc.message, 600), icon=":material/error:")
    if exc.hint:
        st.caption(f"→ {escaped(exc.hint, 400)}")
    if exc.detail:
        st.code(cleaned(exc.detail), language=None, height=240)


@st.fragment(run_every=WATCH_SECONDS)
def _watch() -> None:
    """The banner, and the page anew once the controller is back."""
    was_lost = lost()
    if look_again():
        if was_lost is not None:
            st.rerun(scope="app")
        return
    if (error := lost()) is not None:
        _banner(error)


def _show_bug(exc: Exception) -> None:
    """That something is wrong here; what it is stands in the log alone."""
    logger.error("a page failed", exc_info=exc)
    st.error(f"This could not be shown: {type(exc).__name__}", icon=":material/bug_report:")
    st.caption("→ the dashboard's log has the trace")


def _banner(error: HudError) -> None:
    with st.container(border=True):
        st.badge("The controller does not answer", icon=":material/cloud_off:", color="red")
        st.caption(
            f"{escaped(error.message)}. What is shown is the last that it said. To start it:"
        )
        st.code("./scripts/up.sh", language="bash")

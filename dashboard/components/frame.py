"""The frame of every page: its title line, and the banner where the controller does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard.components.plain import escaped
from dashboard.components.status import Look, badge
from dashboard.remembering import lost
from hud.errors import HudError


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


@contextmanager
def watched_over() -> Iterator[None]:
    """Around a page: shows a banner above it where the controller does not answer, and a refusal
    as one line with its hint instead of a trace.
    """
    place = st.container()
    try:
        yield
    except HudError as exc:
        show_error(exc)
    finally:
        if (error := lost()) is not None:
            with place:
                _banner(error)


def show_error(exc: HudError) -> None:
    """One line with the reason, and the hint below it."""
    st.error(escaped(exc.message, 600), icon=":material/error:")
    if exc.hint:
        st.caption(f"→ {escaped(exc.hint, 400)}")
    if exc.detail:
        st.code(exc.detail, language=None, height=240)


def _banner(error: HudError) -> None:
    with st.container(border=True):
        st.badge("The controller does not answer", icon=":material/cloud_off:", color="red")
        st.caption(
            f"{escaped(error.message)}\\. What is shown is the last that it said\\. To start it:"
        )
        st.code("./scripts/up.sh", language="bash")

"""Environments as cards."""

from __future__ import annotations

import streamlit as st

from dashboard.components.plain import cleaned, escaped
from dashboard.components.status import badge, served
from dashboard.components.wording import ago, counted, lasting
from hud.wire.platform import EnvironmentRecord, Reload


def show_card(record: EnvironmentRecord) -> None:
    """What an environment is, how it is, and where it answers."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escaped(record.name, 80)}**", width="stretch")
        if record.is_chosen:
            st.badge("/mcp leads here", icon=":material/star:", color="gray")
        badge(served(record.state))
    st.caption(about(record))
    if record.reason:
        st.caption(reason_line(record))
    if record.missing:
        names = ", ".join(escaped(name, 60) for name in record.missing)
        st.caption(f":material/key_off: no value for {names}: add it in Settings")
    if record.endpoint:
        st.code(cleaned(record.endpoint), language=None)
    if record.state not in ("failed", "stopped"):
        st.caption(reload_line(record.last_reload, record.last_error))
    st.space("stretch")


def about(record: EnvironmentRecord) -> str:
    """What it offers and what it runs in, as escaped text."""
    place = escaped(record.image, 120) if record.image else f"in a {record.runs_in}"
    parts = [counted(record.tools, "tool"), counted(record.scenarios, "scenario"), place]
    if record.folder:
        parts.append(f"{escaped(record.folder, 80)}/")
    if record.version is not None:
        parts.append(f"version {record.version}")
    return " · ".join(parts)


def reason_line(record: EnvironmentRecord) -> str:
    """Why it is in its state, as escaped text."""
    sign = ":red[:material/error:]" if record.state == "failed" else ":material/info:"
    return f"{sign} {escaped(record.reason or '', 600)}"


def reload_line(reload: Reload | None, failed: Reload | None) -> str:
    """What the last reload was and what caused it, as escaped text."""
    if failed is not None and (reload is None or failed.at >= reload.at):
        reason = escaped(failed.error or failed.cause, 300)
        return f":red[:material/error:] {ago(failed.at)}: not taken over: {reason}"
    if reload is None:
        return "Not reloaded yet: save a file and it is"
    step = escaped(reload.step or "reload", 40)
    cause = escaped(reload.cause, 200)
    return f":material/bolt: {step} in {lasting(reload.seconds)} · {cause} · {ago(reload.at)}"

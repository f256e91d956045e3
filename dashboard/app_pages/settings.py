"""Secrets, providers, what is stored and for how long, versions, and what the doctor says."""

from __future__ import annotations

import platform

import streamlit as st

from dashboard import data
from dashboard.components.frame import header, heading, live, show_error
from dashboard.components.plain import escaped
from dashboard.components.status import FAILED, PARTIAL, PASSED, Look, badge, look_of
from dashboard.components.wording import ago, counted, sized
from hud import __version__
from hud.errors import HudError
from hud.wire.platform import Check, ProviderStatus, SecretRecord

READY = PASSED._replace(word="ready")
NO_KEY = Look(":material/key_off:", "gray", "no key")


def _show() -> None:
    _title()
    left, right = st.columns(2)
    with left:
        _secrets()
        _providers()
        _stored()
    with right:
        _doctor()
        _versions()


@live(5.0)
def _title() -> None:
    worst = {check.status for check in data.doctor()}
    look = FAILED if "failed" in worst else PARTIAL if "warning" in worst else PASSED
    words = {"green": "all well", "orange": "with warnings", "red": "something failed"}
    header("Settings", f"controller at {data.client().url}", look._replace(word=words[look.color]))


@live(None)
def _secrets() -> None:
    with st.container(border=True):
        heading("Secrets", "written here, never shown again")
        known = data.secrets()
        for record in known:
            _secret_line(record)
        if not known:
            st.caption(
                "None yet. Keys of model providers and variables that environments declare "
                "belong here; only what an environment declares enters it."
            )
        _secret_form()


def _secret_line(record: SecretRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/key: {escaped(record.name, 100)}", width="stretch")
        st.caption(f"set {ago(record.updated_at)}", width="content")
        with st.popover("", icon=":material/delete:", type="tertiary", key=f"drop-{record.name}"):
            st.caption(f"Forget {escaped(record.name, 100)}?")
            if st.button("Forget", type="primary", key=f"forget-{record.name}"):
                _forget(record.name)


def _secret_form() -> None:
    wanted = [item.variable for item in data.providers() if not item.configured]
    with st.form("secret", clear_on_submit=True, border=False):
        name_place, value_place = st.columns(2)
        name = name_place.text_input("Name", placeholder=wanted[0] if wanted else "NAME")
        value = value_place.text_input("Value", type="password", autocomplete="off")
        if st.form_submit_button("Save", icon=":material/lock:"):
            _save(name.strip(), value)
    if note := st.session_state.pop("secret-note", None):
        st.caption(note)


def _save(name: str, value: str) -> None:
    if not name or not value:
        st.session_state["secret-note"] = "A secret has a name and a value"
        return
    try:
        data.client().set_secret(name, value)
    except HudError as exc:
        show_error(exc)
        return
    st.session_state["secret-note"] = f":material/check: {escaped(name)} is stored"
    data.forget()
    st.rerun()


def _forget(name: str) -> None:
    try:
        data.client().remove_secret(name)
    except HudError as exc:
        show_error(exc)
        return
    data.forget()
    st.rerun()


@live(5.0)
def _providers() -> None:
    with st.container(border=True):
        heading("Model providers")
        for provider in data.providers():
            _provider_line(provider)


def _provider_line(provider: ProviderStatus) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(escaped(provider.name), width="stretch")
        st.caption(escaped(provider.base_url or provider.variable), width="content")
        badge(READY if provider.configured else NO_KEY)


@live(5.0)
def _doctor() -> None:
    with st.container(border=True):
        heading("Doctor", "what a look at this machine found")
        for check in data.doctor():
            _check_line(check)


def _check_line(check: Check) -> None:
    with st.container(horizontal=True, vertical_alignment="top"):
        with st.container(width=90):
            badge(look_of(check.status))
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(f"**{escaped(check.name)}** {escaped(check.message, 500)}")
            if check.hint:
                st.caption(f"→ {escaped(check.hint, 300)}")


@live(5.0)
def _stored() -> None:
    with st.container(border=True):
        stored = data.storage()
        heading("Data", f"in {stored.database}")
        with st.container(horizontal=True):
            st.metric("Size", sized(stored.bytes))
            st.metric("Jobs", f"{stored.jobs:,}")
            st.metric("Rollouts", f"{stored.rollouts:,}")
        st.caption(_retention(stored.retention_days))


def _retention(days: int | None) -> str:
    if days is None:
        return (
            "All jobs are kept. With HUD\\_RETENTION\\_DAYS older ones are removed by themselves."
        )
    return f"Jobs older than {counted(days, 'day')} are removed by themselves."


@live(5.0)
def _versions() -> None:
    with st.container(border=True):
        heading("Versions")
        lines = {
            "controller": data.health().version,
            "dashboard": __version__,
            "Streamlit": st.__version__,
            "Python": platform.python_version(),
        }
        for name, number in lines.items():
            with st.container(horizontal=True):
                st.markdown(name, width="stretch")
                st.caption(escaped(number), width="content")


_show()

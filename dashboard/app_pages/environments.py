"""Environments: a card each, and everything about the one that `?environment=NAME` names."""

from __future__ import annotations

import streamlit as st

from dashboard import data
from dashboard.components import environment_parts as parts
from dashboard.components.cards import about, reason_line, reload_line, show_card
from dashboard.components.connecting import show_connecting
from dashboard.components.frame import header, live, show_error
from dashboard.components.plain import cleaned, escaped
from dashboard.components.playing import show_scenarios
from dashboard.components.status import served
from dashboard.components.tool_calls import show_tools
from hud.errors import HudError, UserError, did_you_mean
from hud.wire.platform import EnvironmentRecord

LIVE_SECONDS = 1.0
VIEWS = ("Tools", "Scenarios", "Connect", "Log", "Builds", "Versions")


def _show() -> None:
    name = st.query_params.get("environment")
    if name is None:
        _cards()
    else:
        _environment(name)


@live(LIVE_SECONDS)
def _cards() -> None:
    records = data.environments()
    running = sum(record.state == "running" for record in records)
    header("Environments", f"{running} of {len(records)} running" if records else "")
    if not records:
        _first_environment()
        return
    for start in range(0, len(records), 2):
        places = st.columns(2)
        for place, record in zip(places, records[start : start + 2], strict=False):
            with place.container(border=True, height="stretch"):
                show_card(record)
                _card_actions(record)


def _card_actions(record: EnvironmentRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Open", key=f"open-{record.name}", icon=":material/open_in_full:"):
            st.query_params["environment"] = record.name
            st.rerun(scope="app")
        _start_or_stop(record)
        if record.endpoint:
            with st.popover("Connect", icon=":material/cable:", key=f"connect-{record.name}"):
                show_connecting(record.name, record.endpoint, f"connect-from-{record.name}")


def _first_environment() -> None:
    with st.container(border=True):
        st.markdown("**No environment yet**")
        st.caption(
            "An environment is a folder with an `env.py`: tools for the agent, and scenarios "
            "that ask and grade. This makes one in the workspace; it appears here by itself, and "
            "every save reloads it."
        )
        st.code("hud init my-env --dir environments", language="bash")
        st.caption("One that is elsewhere can be sent here, with its image:")
        st.code("hud deploy path/to/my-env", language="bash")


def _environment(name: str) -> None:
    record = _record(name)
    _top(name)
    views = VIEWS if record.folder is not None else ("Versions", "Builds")
    view = st.segmented_control(
        "View",
        views,
        default=views[0],
        required=True,
        key="view",
        label_visibility="collapsed",
        bind="query-params",
    )
    match view:
        case "Tools":
            _while_running(record, show_tools)
        case "Scenarios":
            _while_running(record, show_scenarios)
        case "Connect":
            with st.container(border=True):
                show_connecting(record.name, record.endpoint or "", "connect-from")
        case "Log":
            parts.show_log(name)
        case "Builds":
            parts.show_builds(name)
        case _:
            parts.show_versions(name)


def _while_running(record: EnvironmentRecord, show: parts.Part) -> None:
    if record.state == "running":
        show(record.name, data.offer(record.name))
        return
    with st.container(border=True):
        st.caption(
            f"It is {record.state}; its tools and scenarios are here while it runs. "
            "Log and Builds say more."
        )


@live(LIVE_SECONDS)
def _top(name: str) -> None:
    """Its state and what can be done; the page anew where that shows other parts."""
    record = _record(name)
    seen = (record.state, record.last_reload)
    before = st.session_state.setdefault(f"seen-{name}", seen)
    if before != seen:
        st.session_state[f"seen-{name}"] = seen
        st.rerun(scope="app")
    header(record.name, look=served(record.state))
    with st.container(border=True):
        _state(record)
        _actions(record)


def _state(record: EnvironmentRecord) -> None:
    left, right = st.columns(2)
    with left:
        st.caption(about(record))
        if record.reason:
            st.caption(reason_line(record))
        if record.state != "failed":
            st.caption(reload_line(record.last_reload, record.last_error))
        if record.missing:
            names = ", ".join(escaped(item, 60) for item in record.missing)
            st.caption(f":orange[:material/key_off:] no value for {names}")
    with right:
        if record.endpoint:
            st.code(cleaned(record.endpoint), language=None)
            st.caption(
                ":material/star: /mcp leads here, too" if record.is_chosen else "MCP endpoint"
            )
    failed = record.last_error
    if failed is not None and failed.detail and record.last_reload != failed:
        with st.expander("Why the last change was not taken over"):
            st.code(cleaned(failed.detail), language=None, height=240)


def _actions(record: EnvironmentRecord) -> None:
    with st.container(horizontal=True):
        _start_or_stop(record)
        if record.folder is not None:
            if st.button("Rebuild", icon=":material/build:", disabled=record.state == "building"):
                _act(lambda: data.client().rebuild_environment(record.name))
            if st.button("Choose for /mcp", icon=":material/star:", disabled=record.is_chosen):
                _act(lambda: data.client().choose_environment(record.name))
        else:
            _forget(record)
        if st.button("Examine", icon=":material/troubleshoot:"):
            st.switch_page("app_pages/debugger.py", query_params={"target": record.name})
        if st.button("All environments", icon=":material/arrow_back:", type="tertiary"):
            st.switch_page("app_pages/environments.py")


def _forget(record: EnvironmentRecord) -> None:
    with st.popover("Forget", icon=":material/delete:"):
        st.caption("Its versions go, and what connects to it by name finds it no longer.")
        if st.button("Forget it", type="primary"):
            _act(lambda: data.client().remove_environment(record.name))


def _start_or_stop(record: EnvironmentRecord) -> None:
    if record.folder is None:
        return
    if record.state in ("running", "starting", "building"):
        if st.button("Stop", key=f"stop-{record.name}", icon=":material/stop:"):
            _act(lambda: data.client().stop_environment(record.name))
    elif st.button("Start", key=f"start-{record.name}", icon=":material/play_arrow:"):
        _act(lambda: data.client().start_environment(record.name))


def _act(action: parts.Action) -> None:
    try:
        action()
    except HudError as exc:
        show_error(exc)
        return
    data.forget()
    st.rerun(scope="app")


def _record(name: str) -> EnvironmentRecord:
    records = {record.name: record for record in data.environments()}
    if name not in records:
        hint = did_you_mean(name, records)
        raise UserError(f"there is no environment `{name}`", hint=hint or "see all environments")
    return records[name]


_show()

"""The dashboard: `streamlit run streamlit_app.py` in this folder."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.components.frame import watched_over
from dashboard.page_changes import forget_clocks_of_other_pages

# A file, because the browser would fetch a named icon from elsewhere.
ICON = Path(__file__).with_name("icon.png")

forget_clocks_of_other_pages()
st.set_page_config(page_title="hud-local", page_icon=str(ICON), layout="wide")

PAGES = [
    st.Page("app_pages/overview.py", title="Overview", icon=":material/home:", default=True),
    st.Page("app_pages/environments.py", title="Environments", icon=":material/deployed_code:"),
    st.Page("app_pages/debugger.py", title="Debugger", icon=":material/troubleshoot:"),
    st.Page("app_pages/tasksets.py", title="Tasksets", icon=":material/checklist:"),
    st.Page("app_pages/jobs.py", title="Jobs", icon=":material/play_circle:"),
    st.Page("app_pages/compare.py", title="Compare", icon=":material/balance:"),
    st.Page("app_pages/settings.py", title="Settings", icon=":material/settings:"),
    st.Page("app_pages/trace.py", title="Trace", icon=":material/timeline:", visibility="hidden"),
]

page = st.navigation(PAGES, position="top")
with watched_over():
    page.run()

"""Keeps pages from being wiped by a clock of the page before.

A part that runs again by itself is asked for by a clock in the browser. Where that strikes while a
click already leads to another page, Streamlit (1.67) carries it out after the change, under the
page that was left: the browser then clears what it shows, and nothing fills it again.
"""

from __future__ import annotations

from functools import wraps

from streamlit.runtime.scriptrunner import RerunData
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner


def forget_clocks_of_other_pages() -> None:
    """Do not run a part of a page that is not shown any more. Calling it again changes nothing."""
    run = ScriptRunner._run_script
    if hasattr(run, "__wrapped__"):
        return

    @wraps(run)
    def run_what_is_shown(self: ScriptRunner, rerun_data: RerunData) -> None:
        shown = self._get_script_run_ctx().page_script_hash
        if not (rerun_data.is_auto_rerun and rerun_data.page_script_hash != shown):
            run(self, rerun_data)

    ScriptRunner._run_script = run_what_is_shown  # type: ignore[method-assign]  # nothing public does

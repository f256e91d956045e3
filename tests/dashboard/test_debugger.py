"""The debugger: phases as they pass or fail, with evidence and remedy."""

from __future__ import annotations

from hud.client import Client
from hud.wire.platform import DebugRequest
from tests.dashboard.pages import Pages, press, texts, wait_until


def _examined(client: Client, target: str) -> str:
    run = client.start_debug_run(DebugRequest(target=target)).id
    wait_until(lambda: client.debug_run(run).status != "running")
    return run


def test_a_failing_phase_shows_evidence_and_remedy(pages: Pages, client: Client) -> None:
    said = texts(pages.open("debugger", run=_examined(client, "broken")))
    assert "1 · Module import failed" in said
    assert "install it: pip install a_library_that_nobody_installed" in said
    assert "import a_library_that_nobody_installed" in said
    assert "hud debug environments/broken" in said


def test_an_examination_offers_its_target_again(pages: Pages, client: Client) -> None:
    page = pages.open("debugger", run=_examined(client, "broken"))
    assert [box.value for box in page.selectbox] == ["broken"]
    history = page.dataframe[0].value.iloc[0]
    assert (history["target"], history["ended"]) == ("broken", "failed at 1")


def test_all_phases_of_a_healthy_environment_pass(pages: Pages, client: Client) -> None:
    page = pages.open("debugger", run=_examined(client, "letter-counter"))
    assert texts(page).count("passed]") == 8


def test_running_one_puts_it_into_the_url_and_the_history(pages: Pages, client: Client) -> None:
    page = pages.open("debugger", target="broken")
    press(page, "Run")
    run = page.query_params["run"]
    identity = run[0] if isinstance(run, list) else run
    wait_until(lambda: client.debug_run(identity).status == "failed")
    history = pages.open("debugger", run=identity).dataframe[0].value
    assert history.iloc[0]["target"] == "broken"


def test_an_unknown_image_is_refused_in_one_line(pages: Pages) -> None:
    page = press(pages.open("debugger", target="no-such-image"), "Run")
    assert "there is no environment `no-such-image`" in texts(page)


def test_a_run_is_cancelled(pages: Pages, client: Client) -> None:
    run = client.start_debug_run(DebugRequest(target="letter-counter")).id
    press(pages.open("debugger", run=run), "Cancel")
    wait_until(lambda: client.debug_run(run).status != "running")
    assert client.debug_run(run).status == "cancelled"

"""Secrets reach what declares them, and nobody else sees them."""

from __future__ import annotations

import base64
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx2
import pytest
from cryptography.fernet import Fernet

from controller.environments.ledger import SecretLedger
from controller.secrets import Secrets, read_key
from controller.store import Store
from hud.client import Client
from hud.errors import HudError, UserError
from tests.controller.environments.template import call, connected, put, settled, until
from tests.controller.records import events
from tests.controller.running import RunningController

CANARY = "canary-4f9d2c71aa/+x"
DECLARES = '[tool.hud]\nvariables = ["{name}"]\n'
LOUD = """import base64, os, sys
from hud import Environment

env = Environment("loud")


@env.tool()
def tell() -> str:
    \"\"\"Say it, plain and encoded.\"\"\"
    value = os.environ["API_TOKEN"]
    print("plain", value, file=sys.stderr)
    return value + " " + base64.b64encode(("> " + value).encode()).decode()


@env.tool()
def crash() -> str:
    \"\"\"Fail with it.\"\"\"
    raise RuntimeError(os.environ["API_TOKEN"])
"""


@pytest.fixture
def declare(client: Client, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """What declares a variable, whose value is gone with the test."""

    def declared(name: str) -> str:
        request.addfinalizer(partial(client.remove_secret, name))
        return DECLARES.format(name=name)

    return declared


@pytest.mark.slow
def test_a_variable_without_a_value_is_asked_for_and_taken_when_it_comes(
    workspace: Path, controller: RunningController, client: Client, declare: Callable[[str], str]
) -> None:
    put(workspace, "asking", pyproject=declare("ASKED_FOR"))
    record = settled(client, "asking", "failed")
    assert record.missing == ["ASKED_FOR"]
    assert "variable `ASKED_FOR`, which [tool.hud] declares, has no value" in str(record.reason)
    assert "hint: hud set ASKED_FOR=VALUE" in str(record.reason)
    client.set_secret("ASKED_FOR", CANARY)
    assert settled(client, "asking").missing == []
    caller = connected(f"{controller.mcp_url}/asking/mcp")
    assert call(caller, "show", name="ASKED_FOR") == CANARY
    assert call(caller, "show", name="HUD_DATA_DIR") == "nothing"
    assert call(caller, "show", name="PATH") != "nothing"


@pytest.mark.slow
def test_no_log_row_answer_or_argument_holds_a_secret(
    workspace: Path, controller: RunningController, client: Client, declare: Callable[[str], str]
) -> None:
    loud = put(workspace, "loud", pyproject=declare("API_TOKEN"))
    loud.write_text(LOUD)
    client.set_secret("API_TOKEN", CANARY)
    settled(client, "loud")
    answers = [
        client.call_tool("loud", "tell", {}).model_dump_json(),
        client.call_tool("loud", "crash", {}).model_dump_json(),
    ]
    loud.write_text(f"import os\nraise ValueError(os.environ['API_TOKEN'] + '{CANARY}')")
    until(lambda: client.environment("loud").last_error)
    log = until(lambda: _log_with(client, "ValueError"))
    answers += [log, client.environment("loud").model_dump_json(), str(client.environments())]
    answers.append(httpx2.get(f"{controller.mcp_url}/loud/status").text)
    answers += [event.model_dump_json() for event in events(client)]
    answers += [controller.log(), *_arguments(), *_files(controller.folder / "data")]
    assert "[secret]" in answers[0]
    assert "[secret]" in log
    encoded = [base64.b64encode(("> " * n + CANARY).encode()).decode()[4:-4] for n in range(3)]
    for form in (CANARY, *encoded):
        assert [text for text in answers if form in text] == []


def _log_with(client: Client, words: str) -> str | None:
    text = "\n".join(client.environment_log("loud").lines)
    return text if words in text else None


def _arguments() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found


def _files(folder: Path) -> list[str]:
    return [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]


def test_what_is_not_declared_does_not_enter(
    workspace: Path, controller: RunningController, client: Client, declare: Callable[[str], str]
) -> None:
    declare("UNDECLARED")
    client.set_secret("UNDECLARED", CANARY)
    put(workspace, "quiet")
    settled(client, "quiet")
    caller = connected(f"{controller.mcp_url}/quiet/mcp")
    assert call(caller, "show", name="UNDECLARED") == "nothing"


@pytest.mark.parametrize(
    ("name", "value"),
    [("lower case", "x"), ("1ST", "x"), ("A=B", "x"), ("OK", ""), ("OK", "nul\0"), ("", "x")],
)
def test_only_variables_can_be_secrets(client: Client, name: str, value: str) -> None:
    with pytest.raises(HudError):
        client.set_secret(name, value)


def test_a_secret_that_is_not_there_cannot_be_removed(client: Client) -> None:
    with pytest.raises(UserError, match="no secret `NOTHING`"):
        client.remove_secret("NOTHING")


@pytest.mark.anyio
async def test_secrets_are_kept_encrypted_and_only_this_key_opens_them(tmp_path: Path) -> None:
    store: SecretLedger = await Store.open(f"sqlite:///{tmp_path / 'hud.db'}")
    async with Secrets(store, tmp_path) as secrets:
        await secrets.put("NAME", CANARY)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert CANARY.encode() not in await store.secret("NAME")
    async with Secrets(store, tmp_path) as again:
        assert again.value("NAME") == CANARY
    (tmp_path / "key").write_bytes(Fernet.generate_key())
    with pytest.raises(UserError, match="was not encrypted with the key"):
        await Secrets(store, tmp_path).__aenter__()


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("nonsense")
    with pytest.raises(UserError, match="holds no key"):
        read_key(tmp_path / "key")

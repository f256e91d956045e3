"""What the evidence is taken for, and what is advised."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hud.debug.evidence import Evidence, Kind, Listener
from hud.debug.remedies import FIXES, diagnose

ENDED = Evidence(
    error="the handshake failed: MCPError: Connection closed",
    running=False,
    ending="ended with exit code 1",
    exit_code=1,
    command=("python", "env.py"),
)
SILENT = Evidence(error="no answer within 60 s", kind=Kind.NO_ANSWER, timed_out=True)
OVER_HTTP = replace(SILENT, port=8000)


@pytest.mark.parametrize(
    ("stderr", "kind", "advice"),
    [
        ("ModuleNotFoundError: No module named 'cv2'", "missing-module", "opencv-python-headless"),
        ("Error: Cannot find module 'express'", "missing-module", "npm install express"),
        ("ImportError: No module named numpy.core", "missing-module", "pip install numpy"),
        ("No module named 'mcp.server.fastmcp'. This is", "missing-module", "hud.server import"),
        ("cannot import name 'McpError' from 'mcp' (x)", "missing-module", "`MCPError` now"),
        ("cannot import name 'job' from 'hud' (x)", "missing-module", "docs/migration.md"),
        ("KeyError: 'API_KEY'", "missing-variable", "-e API_KEY=VALUE"),
        ("scenario `s` needs the variable DB_URL", "missing-variable", "-e DB_URL=VALUE"),
        ("ValueError: OPENAI_API_KEY is not set", "missing-variable", "OPENAI_API_KEY"),
        ("Missing required environment variable: DB_HOST", "missing-variable", "DB_HOST"),
        ("PermissionError: [Errno 13] Permission denied: '/data'", "permission", "`/data`"),
        ("EACCES: permission denied, open '/srv/x'", "permission", "chown"),
        ("chown: Operation not permitted", "permission", "chown"),
        (
            "[FATAL tini (7)] exec ./run.sh failed: Permission denied",
            "permission",
            "chmod +x ./run.sh",
        ),
        ("[FATAL tini (7)] exec serve failed: No such file or directory", "wrong-command", "CMD"),
        ("python: can't open file '/app/x.py': [Errno 2] No such file", "wrong-command", "env.py"),
        ("sh: 1: uvicorn: not found", "wrong-command", "CMD or ENTRYPOINT"),
        ("/usr/local/bin/python: No module named serve", "wrong-command", "CMD or ENTRYPOINT"),
        ("Error: cannot open display: :0", "missing-display", "Xvfb"),
        ("_tkinter.TclError: no display name and no $DISPLAY", "missing-display", "Xvfb"),
        ("qt.qpa.xcb: could not connect to display ", "missing-display", "Xvfb"),
        ("ConnectionRefusedError: [Errno 111] Connection refused", "backend-refused", "before"),
        ("connect ECONNREFUSED 127.0.0.1:8005", "backend-refused", "port 8005"),
        ("MemoryError", "memory-limit", "-m 4g"),
        ("[Errno -3] Temporary failure in name resolution", "no-network", "--network internet"),
        ("getaddrinfo EAI_AGAIN registry.test", "no-network", '"internet" in [tool.hud]'),
        ("[FATAL tini (7)] exec ./x failed: Exec format error", "other-platform", "--platform"),
        (
            '  File "/app/env.py", line 7, in <module>\nValueError: x',
            "crash",
            "/app/env.py, line 7",
        ),
        ("panic: oh no", "crash", "what the server printed"),
    ],
)
def test_a_server_that_ended_is_diagnosed_by_its_words(stderr: str, kind: str, advice: str) -> None:
    remedy = diagnose(replace(ENDED, stderr=tuple(stderr.splitlines())))
    assert remedy.kind == kind
    assert advice in remedy.fix


@pytest.mark.parametrize(
    ("evidence", "kind", "error"),
    [
        (
            replace(ENDED, exit_code=0, ending="ended with exit code 0"),
            "ends-at-once",
            "instead of",
        ),
        (replace(ENDED, exit_code=127), "wrong-command", "the server ended"),
        (
            replace(ENDED, exit_code=137, out_of_memory=True, memory="64 MiB"),
            "memory-limit",
            "64 MiB",
        ),
        (SILENT, "blocking-start", "is silent: no answer within 60 s"),
        (replace(SILENT, command=("/usr/bin/python3",)), "wrong-command", "a bare `python3`"),
        (replace(SILENT, noise=("Hello",)), "stdout-pollution", "'Hello'"),
        (replace(SILENT, listeners=(Listener(8000, "::"),)), "other-port", "[::]:8000 is open"),
        (OVER_HTTP, "blocking-start", "nothing listens on port 8000"),
        (
            replace(OVER_HTTP, listeners=(Listener(8000, "127.0.0.1"),)),
            "loopback",
            "127.0.0.1 only",
        ),
        (replace(OVER_HTTP, listeners=(Listener(9000, "0.0.0.0"),)), "other-port", "0.0.0.0:9000"),
        (replace(OVER_HTTP, listeners=(Listener(8000, "0.0.0.0"),)), "http", "no MCP answers"),
    ],
)
def test_what_words_do_not_say_shows_in_how_the_process_stands(
    evidence: Evidence, kind: str, error: str
) -> None:
    remedy = diagnose(evidence)
    assert remedy.kind == kind
    assert error in remedy.error


@pytest.mark.parametrize(
    ("evidence", "fix"),
    [
        (replace(SILENT, noise=("Content-Length: 150",)), "one line of JSON, without headers"),
        (replace(ENDED, exit_code=127, command=("/start.sh",)), "Windows line ends"),
        (Evidence(error="Unsupported protocol version: 1999"), "update the server's MCP library"),
        (Evidence(error="MCPError: not migrated"), "it printed nothing"),
        (Evidence(error="MCPError: not migrated", stderr=("x",)), "what the server printed"),
    ],
    ids=["framed", "windows", "old", "mute", "talking"],
)
def test_odd_servers_get_advice_that_fits_them(evidence: Evidence, fix: str) -> None:
    assert fix in diagnose(evidence).fix


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("cannot reach http://localhost:8005/health: Connection refused", "port 8005"),
        ("[Errno 111] Connect call failed ('127.0.0.1', 5432)", "port 5432"),
        ("connection to server at 127.0.0.1, port 5432 failed: Connection refused", "port 5432"),
        ("dial tcp [::1]:6379: connect: connection refused", "port 6379"),
        ("Connection refused", "Connection refused"),
    ],
)
def test_a_refused_connection_names_its_port(text: str, error: str) -> None:
    remedy = diagnose(Evidence(error=text, kind=Kind.TOOL))
    assert remedy.kind == "backend-refused"
    assert remedy.error.endswith(error)


def test_what_listens_instead_is_named() -> None:
    evidence = Evidence(
        error="localhost:8005 Connection refused", listeners=(Listener(8006, "::"),)
    )
    assert "(inside, [::]:8006 does)" in diagnose(evidence).fix


@pytest.mark.parametrize("kind", FIXES)
def test_every_kind_that_a_check_knows_has_a_remedy_of_its_own(kind: Kind) -> None:
    remedy = diagnose(Evidence(error="so it is", kind=kind))
    assert (remedy.kind, remedy.error) == (kind, "so it is")
    assert [other for other in FIXES if FIXES[other] == remedy.fix] == [kind]


def test_old_words_on_stderr_do_not_explain_what_a_running_server_does_wrong() -> None:
    evidence = Evidence(error="bad name", kind=Kind.TOOL_NAME, stderr=("Connection refused",))
    assert diagnose(evidence).kind is Kind.TOOL_NAME


def test_a_local_module_is_not_told_to_change_a_dockerfile() -> None:
    evidence = replace(ENDED, in_container=False, stderr=("No module named 'yaml'",))
    assert diagnose(evidence).fix == "install it: pip install pyyaml"


def test_an_error_is_one_line_of_bounded_length() -> None:
    error = diagnose(Evidence(error="first\nsecond " + "x" * 9999)).error
    assert error.startswith("first second")
    assert len(error) == 400

"""Reading what listens inside a container."""

from __future__ import annotations

import pytest

from hud.debug.evidence import Evidence, Listener, open_elsewhere, parse_listeners, reachable

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"


def row(address: str, state: str = "0A") -> str:
    return f"   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  0\n"


@pytest.mark.parametrize(
    ("table", "found"),
    [
        (row("00000000:1F40"), ["0.0.0.0:8000"]),
        (row("0100007F:1F45"), ["127.0.0.1:8005"]),
        (row("0" * 32 + ":1F40"), ["[::]:8000"]),
        (row("0" * 24 + "01000000:1F40"), ["[::1]:8000"]),
        (row("0000000000000000FFFF00000100007F:1F40"), ["127.0.0.1:8000"]),
        (row("00000000:1F40", state="01"), []),
        (row("0B00007F:A2C3"), []),
        (row("0100007F:1F90") + row("00000000:1F40"), ["0.0.0.0:8000", "127.0.0.1:8080"]),
        ("cat: /proc/net/tcp6: No such file or directory\n", []),
        (row("xyz:1F40"), []),
    ],
)
def test_listening_sockets_are_read_from_the_kernels_table(table: str, found: list[str]) -> None:
    assert [str(listener) for listener in parse_listeners(HEAD + table)] == found


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [(["0.0.0.0"], True), (["127.0.0.1"], False), (["127.0.0.1", "::"], True), ([], None)],
)
def test_a_port_is_reachable_if_any_interface_but_loopback_has_it(
    addresses: list[str], expected: bool | None
) -> None:
    others = [Listener(9000, "0.0.0.0")]
    listeners = [*others, *(Listener(8000, address) for address in addresses)]
    assert reachable(listeners, 8000) is expected


def test_a_port_that_opened_meanwhile_is_not_taken_for_another() -> None:
    listeners = [Listener(8000, "0.0.0.0"), Listener(9000, "::"), Listener(5432, "127.0.0.1")]
    assert open_elsewhere(listeners, 8000) == [9000]


def test_evidence_as_json_leaves_out_what_is_empty() -> None:
    evidence = Evidence(running=False, exit_code=0, listeners=(Listener(80, "::"),))
    assert evidence.as_json() == {
        "running": False,
        "exit_code": 0,
        "out_of_memory": False,
        "listening": ["[::]:80"],
    }


def test_evidence_of_no_server_says_nothing_of_one() -> None:
    assert Evidence(started=False, detail="why").as_json() == {"detail": "why"}

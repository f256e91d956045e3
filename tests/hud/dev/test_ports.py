"""The port that clients connect to."""

from __future__ import annotations

import os
import socket

import pytest

from hud.dev.ports import listen, owner_of
from hud.errors import UserError


def test_localhost_is_both_of_its_addresses_on_one_port() -> None:
    listeners = listen("localhost", 0)
    try:
        ports = {listener.getsockname()[1] for listener in listeners}
        assert len(ports) == 1
        assert listeners[0].getsockname()[0] == "127.0.0.1"
        if socket.has_ipv6 and len(listeners) > 1:
            assert listeners[1].getsockname()[0] == "::1"
    finally:
        for listener in listeners:
            listener.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_is_taken_names_who_has_it(address: str) -> None:
    with socket.create_server((address, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} is taken by .*process {os.getpid()}"):
            listen("localhost", port)
        assert str(os.getpid()) in str(owner_of(port))
    assert owner_of(port) is None


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(UserError, match=r"cannot listen at 203\.0\.113\.1:0"):
        listen("203.0.113.1", 0)

"""How an image's server is reached."""

from __future__ import annotations

import pytest

from hud.containers import ContainerSpec, Image, Sandbox
from hud.runtime.reach import command_of, possible_ports, spec_reached_at


@pytest.mark.parametrize(
    ("command", "ports", "possible"),
    [
        ("python env.py", (), (None,)),
        ("python server.py", (8000, 9000), (8000, None)),
        ("hud dev env:env --port 8080", (), (8080,)),
        ("hud dev env:env --port=9000", (8080,), (9000,)),
        ("hud dev env:env -p 8005", (), (8005,)),
        ("hud dev env:env --stdio", (8765,), (None,)),
        ("python -m hud dev env:env", (), (8765,)),
        ("python -c env.run('http',port=8000)", (), (8000,)),
    ],
)
def test_how_an_image_is_reached_is_seen_from_its_command_and_ports(
    command: str, ports: tuple[int, ...], possible: tuple[int | None, ...]
) -> None:
    image = Image(id="sha256:0", command=tuple(command.split()), ports=ports)
    assert possible_ports(image, ContainerSpec(image="x")) == possible


def test_a_command_that_replaces_the_images_own_decides() -> None:
    image = Image(id="sha256:0", command=("hud", "dev", "--stdio"), ports=(8765,))
    spec = ContainerSpec(image="x", command=("serve", "--port", "81"))
    assert possible_ports(image, spec) == (81,)


@pytest.mark.parametrize(
    ("entrypoint", "command", "runs"),
    [
        (None, None, ("tini", "serve")),
        (None, ("--fast",), ("tini", "--fast")),
        (("sh",), None, ("sh",)),
        (("sh",), ("-c", "true"), ("sh", "-c", "true")),
        ((), None, ("serve",)),
    ],
)
def test_an_entry_point_of_its_own_takes_the_images_command_away(
    entrypoint: tuple[str, ...] | None, command: tuple[str, ...] | None, runs: tuple[str, ...]
) -> None:
    image = Image(id="sha256:0", entrypoint=("tini",), command=("serve",))
    spec = ContainerSpec(image="x", entrypoint=entrypoint, command=command)
    assert command_of(image, spec) == runs


def test_a_port_needs_a_network_and_none_needs_stdin() -> None:
    spec = ContainerSpec(image="x")
    assert spec_reached_at(spec, None).stdin
    assert spec_reached_at(spec, 80).sandbox.network == "internal"
    outside = ContainerSpec(image="x", sandbox=Sandbox(network="internet"))
    assert spec_reached_at(outside, 80).sandbox.network == "internet"

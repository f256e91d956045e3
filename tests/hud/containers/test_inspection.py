"""The engine's descriptions become values, and an end gets its cause."""

from __future__ import annotations

from typing import Any

import pytest

from hud.containers.inspection import event_from, image_from, resource_from, state_from, unix_time


def described(**state: Any) -> dict[str, Any]:
    known = {"Status": "exited", "ExitCode": 0, "OOMKilled": False, "Error": ""}
    return {"State": {**known, **state}, "HostConfig": {"Memory": 64 << 20}}


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        ({}, "ended with exit code 0"),
        ({"ExitCode": 3}, "ended with exit code 3"),
        (
            {"ExitCode": 137, "OOMKilled": True},
            "out of memory: it used more than its limit of 64 MiB",
        ),
        ({"ExitCode": 137}, "ended by SIGKILL (exit code 137, not for its memory limit)"),
        ({"ExitCode": 127}, "ended with exit code 127 (there is no such command)"),
        ({"ExitCode": 143}, "ended by SIGTERM (exit code 143)"),
        ({"ExitCode": 255}, "ended with exit code 255"),
        ({"Status": "running"}, "running"),
        (
            {"Status": "created", "ExitCode": 127, "Error": "no such file"},
            "could not start: no such file",
        ),
    ],
)
def test_an_end_is_told_in_words(state: dict[str, Any], cause: str) -> None:
    assert state_from(described(**state)).cause() == cause


def test_a_running_container_has_no_exit_code() -> None:
    state = state_from(described(Status="running"))
    assert (state.exit_code, state.is_running) == (None, True)


def test_an_image_tells_what_it_runs_and_where_it_listens() -> None:
    config: dict[str, Any] = {
        "Cmd": ["serve"],
        "ExposedPorts": {"8000/tcp": {}, "53/udp": {}},
        "Env": ["A=b=c"],
        "Labels": None,
    }
    place = {"Os": "linux", "Architecture": "arm64", "Variant": ""}
    named = {"Id": "sha256:1", "RepoTags": ["a:b"], "Size": 5}
    image = image_from({**named, **place, "Config": config})
    assert (image.command, image.ports, image.variables) == (("serve",), (8000,), {"A": "b=c"})
    assert (image.tags, image.labels, image.size) == (("a:b",), {}, 5)
    assert image.platform == "linux/arm64"


def test_a_listed_container_is_ours_by_its_labels() -> None:
    labels = {"hud.owner": "host:1:2:3:4", "hud.run": "r", "hud.generation": "2"}
    listed = {"Id": "1", "Names": ["/a"], "Labels": labels, "State": "running", "Created": 5}
    found = resource_from("container", listed)
    assert (found.name, found.run, found.generation, found.created) == ("a", "r", 2, 5.0)
    assert found.owner is not None


def test_a_death_has_its_exit_code() -> None:
    actor = {"ID": "1", "Attributes": {"name": "a", "exitCode": "137"}}
    event = event_from({"Action": "die", "Actor": actor, "timeNano": 2_500_000_000})
    assert (event.action, event.exit_code, event.time) == ("die", 137, 2.5)


@pytest.mark.parametrize(
    "text", ["1970-01-01T00:00:01Z", "1970-01-01T00:00:01.000000001Z", "1970-01-01T01:00:01+01:00"]
)
def test_the_engines_times_are_read(text: str) -> None:
    assert unix_time(text) == pytest.approx(1.0)

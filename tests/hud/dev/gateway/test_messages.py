"""Reading JSON-RPC messages and server-sent events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hud.dev.gateway.protocol import messages, sse

ids = st.integers(-(10**17), 10**17) | st.text()
lines = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("content", "kind", "expects"),
    [
        ({"id": 1, "method": "a"}, "request", (1,)),
        ({"id": "1", "method": "a"}, "request", ("1",)),
        ({"method": "a"}, "notification", ()),
        ({"id": 1, "result": {}}, "response", ()),
        ({"id": None, "error": {}}, "response", ()),
        ([{"id": 1, "method": "a"}, {"method": "b"}, {"id": 2, "result": 1}], "batch", (1,)),
    ],
)
def test_a_message_is_known_by_its_shape(content: Any, kind: str, expects: tuple[Any]) -> None:
    message = messages.read_message(json.dumps(content).encode())
    assert (message.kind, message.expects) == (kind, expects)


@given(ids, plain)
def test_the_id_that_a_response_answers_is_found(request_id: Any, value: Any) -> None:
    body = messages.result(request_id, value)
    found = messages.answered_id(body)
    assert found is None or found == request_id
    assert messages.read_message(body).id == request_id


@pytest.mark.parametrize(
    "other",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"a"}',
        b'{"jsonrpc":"2.0","method":"a"}',
        b'{"result":{},"id":1,"jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","id":"a\\"b","result":1}',
    ],
)
def test_no_id_is_taken_from_what_has_to_be_read(other: bytes) -> None:
    assert messages.answered_id(other) is None


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1), min_size=1
    ),
    st.sampled_from([b"\n", b"\r\n"]),
    st.data(),
)
def test_events_are_whole_however_the_stream_is_cut(
    texts: list[str], end: bytes, data: st.DataObject
) -> None:
    stream = b"".join(b"data: " + text.encode() + end + end for text in texts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))))
    pieces = [stream[start:stop] for start, stop in zip([0, *cuts], [*cuts, None], strict=True)]
    cutter = sse.EventCutter(10_000)
    events = [event for piece in pieces for event in cutter.feed(piece)]
    assert [event.data.decode() for event in events] == texts
    assert b"".join(event.raw for event in events) == stream


def test_an_event_has_its_id_and_its_lines_joined() -> None:
    event = sse.read_event(b"id: 7\nevent: message\ndata: a\ndata:b\n: comment\n\n")
    assert (event.id, event.data) == (b"7", b"a\nb")
    assert sse.read_event(sse.with_data(event, b"c").raw).id == b"7"


def test_an_event_may_not_grow_without_end() -> None:
    cutter = sse.EventCutter(100)
    for _ in range(12):
        cutter.feed(b"data: x\n")
    with pytest.raises(sse.EventTooLarge):
        cutter.feed(b"data: xxxx\n")

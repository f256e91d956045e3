"""The real packages of the providers against the gateway: whole answers, streams and refusals."""

from __future__ import annotations

import anthropic
import openai
import pytest

from tests import fake_provider
from tests.controller.model_gateway.conftest import TOKEN, Served

MESSAGES = [{"role": "user", "content": "hello"}]


def openai_client(served: Served, tag: str = "") -> openai.OpenAI:
    path = f"/v1/jobs/{tag}/v1" if tag else "/v1"
    return openai.OpenAI(api_key=TOKEN, base_url=served.url + path, max_retries=0, timeout=10)


def anthropic_client(served: Served, tag: str = "") -> anthropic.Anthropic:
    path = f"/v1/jobs/{tag}" if tag else ""
    return anthropic.Anthropic(api_key=TOKEN, base_url=served.url + path, max_retries=0, timeout=10)


def chat(client: openai.OpenAI, model: str = "gpt-5.4~fixed:42", **more: object) -> str | None:
    answer = client.chat.completions.create(model=model, messages=MESSAGES, **more)  # type: ignore[call-overload]  # options of all kinds
    content: str | None = answer.choices[0].message.content
    return content


def test_chat_completions_are_answered_with_the_providers_key(
    served: Served, provider: fake_provider.Running
) -> None:
    with openai_client(served) as client:
        assert chat(client, temperature=0.5, extra_body={"top_k_of_mine": 7}) == "42"
    (seen,) = provider.requests
    assert seen["headers"]["authorization"] == "Bearer openai-key"
    assert TOKEN not in str(seen)
    assert (seen["body"]["temperature"], seen["body"]["top_k_of_mine"]) == (0.5, 7)


def test_a_stream_of_chat_completions_arrives_in_its_parts(served: Served) -> None:
    with openai_client(served) as client:
        parts = client.chat.completions.create(
            model="gpt-5.4~fixed:42",
            messages=[{"role": "user", "content": "hello"}],
            stream=True,
        )
        texts = [part.choices[0].delta.content for part in parts if part.choices]
    assert "42" in texts


def test_responses_are_answered(served: Served) -> None:
    with openai_client(served) as client:
        answer = client.responses.create(model="gpt-5.4~fixed:42", input="hello")
    assert answer.output_text == "42"


def test_a_stream_of_responses_arrives_in_its_parts(served: Served) -> None:
    with openai_client(served) as client:
        events = client.responses.create(model="gpt-5.4~fixed:42", input="hello", stream=True)
        *_, last = events
    assert last.type == "response.completed"
    assert last.response.output_text == "42"


def test_messages_are_answered_with_the_providers_key(
    served: Served, provider: fake_provider.Running
) -> None:
    with anthropic_client(served) as client:
        answer = client.messages.create(
            model="claude-sonnet-4-5~fixed:42",
            max_tokens=99,
            messages=MESSAGES,  # type: ignore[arg-type]  # a dict of strings is one
            extra_headers={"anthropic-beta": "one-2025"},
        )
    assert answer.content[0].text == "42"  # type: ignore[union-attr]  # a text block
    (seen,) = provider.requests
    assert seen["headers"]["authorization"] == "Bearer anthropic-key"
    assert seen["headers"]["anthropic-beta"] == "one-2025"
    assert seen["body"]["max_tokens"] == 99


def test_a_stream_of_messages_arrives_in_its_parts(served: Served) -> None:
    with (
        anthropic_client(served) as client,
        client.messages.stream(
            model="claude-sonnet-4-5~fixed:42",
            max_tokens=99,
            messages=MESSAGES,  # type: ignore[arg-type]  # a dict of strings is one
        ) as stream,
    ):
        assert list(stream.text_stream) == ["42"]


def test_claude_answers_chat_completions_by_its_own_endpoint(
    served: Served, provider: fake_provider.Running
) -> None:
    with openai_client(served) as client:
        assert chat(client, "claude-sonnet-4-5~fixed:42") == "42"
    (seen,) = provider.requests
    assert seen["headers"]["authorization"] == "Bearer anthropic-key"


def test_embeddings_are_answered_in_the_encoding_that_was_asked_for(
    served: Served, provider: fake_provider.Running
) -> None:
    with openai_client(served) as client:
        answer = client.embeddings.create(model="text-embedding-3", input="hello", dimensions=2)
        body = {"model": "text-embedding-3", "input": "hello"}
        client._client.post(f"{served.url}/v1/embeddings", json=body)
    assert answer.data[0].embedding == [0.5, 0.25]
    asked = [seen["body"] for seen in provider.requests]
    assert [item["encoding_format"] for item in asked] == ["base64", "float"]
    assert (asked[0]["input"], asked[0]["dimensions"]) == ("hello", 2)


def test_tokens_are_counted_by_the_provider(
    served: Served, provider: fake_provider.Running
) -> None:
    with anthropic_client(served) as client:
        counted = client.messages.count_tokens(
            model="claude-sonnet-4-5",
            messages=MESSAGES,  # type: ignore[arg-type]  # a dict of strings is one
        )
    assert counted.input_tokens == fake_provider.INPUT
    assert [seen["path"] for seen in provider.requests] == ["/v1/messages/count_tokens"]


def test_what_a_models_provider_does_not_offer_is_refused_and_not_translated(
    served: Served,
) -> None:
    del served.secrets.known["ANTHROPIC_BASE_URL"]
    with anthropic_client(served) as client, pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model="gpt-5.4", max_tokens=9, messages=MESSAGES)  # type: ignore[arg-type]  # a dict of strings is one
    assert caught.value.body == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "openai, which has the model `gpt-5.4`, does not offer /v1/messages "
            "(nothing is translated: ask at /v1/chat/completions)",
            "code": 404,
        },
    }


def test_an_endpoint_of_ones_own_is_asked_for_models_of_every_name(
    served: Served, provider: fake_provider.Running
) -> None:
    with anthropic_client(served) as client:
        client.messages.create(model="gpt-5.4", max_tokens=9, messages=MESSAGES)  # type: ignore[arg-type]  # a dict of strings is one
    (seen,) = provider.requests
    assert seen["path"] == "/v1/messages"


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
def test_a_refusal_is_passed_on_with_its_status_and_text(served: Served, status: int) -> None:
    with openai_client(served) as client, pytest.raises(openai.APIStatusError) as caught:
        chat(client, f"gpt-5.4~status:{status}")
    assert caught.value.status_code == status
    assert f"fake {status}: 5 things went wrong" in caught.value.message
    with anthropic_client(served) as claude, pytest.raises(anthropic.APIStatusError) as refused:
        claude.messages.create(
            model=f"claude-x~status:{status}",
            max_tokens=9,
            messages=MESSAGES,  # type: ignore[arg-type]  # a dict of strings is one
        )
    assert refused.value.status_code == status


def test_the_wait_that_a_provider_asks_for_is_passed_on(served: Served) -> None:
    with openai_client(served) as client, pytest.raises(openai.RateLimitError) as caught:
        chat(client, "gpt-5.4~limited:7")
    assert caught.value.response.headers["retry-after"] == "7"


def test_a_provider_that_is_not_there_is_a_bad_gateway(served: Served) -> None:
    served.secrets.known["OPENAI_BASE_URL"] = "http://127.0.0.1:9/v1"
    with openai_client(served) as client, pytest.raises(openai.APIStatusError) as caught:
        chat(client)
    assert caught.value.status_code == 502


def test_a_model_without_a_key_says_how_to_set_one(served: Served) -> None:
    del served.secrets.known["OPENAI_API_KEY"], served.secrets.known["OPENAI_BASE_URL"]
    with openai_client(served) as client, pytest.raises(openai.NotFoundError, match="hud set"):
        chat(client)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat/completions", b"{", 400),
        ("/v1/chat/completions", b'{"messages": []}', 400),
        ("/v1/chat/completions", b"[]", 400),
        ("/v1/images/generations", b'{"model": "gpt-5.4"}', 404),
        ("/v1/jobs/..%2f..%2fx/v1/responses", b'{"model": "gpt-5.4"}', 404),
        ("/v1/jobs/-x/v1/responses", b'{"model": "gpt-5.4"}', 400),
    ],
    ids=["no-json", "no-model", "a-list", "unknown-path", "path-in-job", "odd-job"],
)
def test_what_cannot_be_asked_is_refused(
    served: Served, path: str, body: bytes, status: int
) -> None:
    with openai_client(served) as client:
        answer = client._client.post(served.url + path, content=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_gateway_that_is_its_own_provider_says_so(served: Served) -> None:
    served.secrets.known["OPENAI_BASE_URL"] = f"{served.url}/v1"
    with openai_client(served) as client, pytest.raises(openai.APIStatusError) as caught:
        chat(client)
    assert caught.value.status_code == 508

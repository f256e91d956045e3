"""The provider that tests listen to, as the providers' packages see it when they stream."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.fake_provider import Running
from tests.hud.agents.rollout import ANSWER, QUESTION


@pytest.fixture
def client(provider: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=provider.openai_url, api_key="key", max_retries=0) as client:
        yield client


def test_chat_completions_stream(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == ANSWER
    assert chunks[-1].usage is not None


def test_responses_stream(client: openai.OpenAI) -> None:
    with client.responses.stream(model="m", input=QUESTION) as stream:
        assert stream.get_final_response().output_text == ANSWER


def test_a_script_decides_about_the_coming_requests(
    client: openai.OpenAI, provider: Running
) -> None:
    provider.control(default="fixed:later", script=["status:503", "fixed:now"])
    with pytest.raises(openai.InternalServerError):
        client.responses.create(model="m", input=QUESTION)
    said = [client.responses.create(model="m", input=QUESTION).output_text for _ in range(2)]
    assert said == ["now", "later"]
    assert provider.stats["by_path"] == {"/v1/responses": 3}

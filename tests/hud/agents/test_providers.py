"""The agents of all providers, with the providers' own packages, against a real HTTP server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anthropic
import anyio
import openai
import pytest

from hud.agents import ClaudeAgent, GeminiAgent, OpenAIAgent, OpenAIChatAgent
from hud.errors import ProviderFailure
from hud.types import Usage
from tests.fake_provider import Running
from tests.hud.agents.rollout import ANSWER, PIXEL, QUESTION, Rollout, count_letter, user

pytestmark = pytest.mark.anyio

ProviderAgent = ClaudeAgent | GeminiAgent | OpenAIAgent | OpenAIChatAgent
Make = Callable[..., ProviderAgent]

AGENTS: dict[str, Callable[[Running, str], ProviderAgent]] = {
    "chat": lambda at, model: OpenAIChatAgent.create(model=model, base_url=at.openai_url),
    "responses": lambda at, model: OpenAIAgent.create(
        model=model, base_url=at.openai_url, api_key="key"
    ),
    "claude": lambda at, model: ClaudeAgent.create(model=model, base_url=at.url, api_key="key"),
    "claude streaming": lambda at, model: ClaudeAgent.create(
        model=model, base_url=at.url, api_key="key", max_tokens=64_000
    ),
    "gemini": lambda at, model: GeminiAgent.create(
        model=model, base_url=at.openai_url, api_key="key"
    ),
}


@pytest.fixture(params=AGENTS)
def make(request: pytest.FixtureRequest, provider: Running) -> Make:
    """Makes an agent of each provider for a model: `make("fixed:42", retries=0)`."""

    def agent_for(model: str, **connection: Any) -> ProviderAgent:
        agent = AGENTS[request.param](provider, model)
        agent.connection = replace(agent.connection, **connection)
        return agent

    return agent_for


async def play(agent: ProviderAgent, *tools: Callable[..., Any], prompt: str = QUESTION) -> Rollout:
    rollout = Rollout(*tools, prompt=prompt)
    with anyio.fail_after(10):
        await agent.run(rollout)
    return rollout


async def refused(agent: ProviderAgent) -> ProviderFailure:
    """The failure that a rollout of the agent ends in, without an answer."""
    rollout = Rollout(count_letter)
    with pytest.raises(ProviderFailure) as caught, anyio.fail_after(10):
        await agent.run(rollout)
    assert (rollout.submitted, rollout.trace.content) == ([], None)
    assert rollout.trace.steps[-1].error == caught.value.message
    assert caught.value.boundary == "provider"
    return caught.value


def look() -> Any:
    return PIXEL


async def test_a_model_counts_letters_with_the_tool(make: Make) -> None:
    rollout = await play(make("m"), count_letter)
    assert rollout.submitted == [ANSWER]
    assert rollout.steps() == [("model", "m"), ("tool", "count_letter"), ("model", "m")]
    assert rollout.trace.usage == Usage(input_tokens=200, output_tokens=40, cached_tokens=80)


async def test_a_model_without_tools_answers_by_itself(make: Make) -> None:
    rollout = await play(make("m"))
    assert (rollout.submitted, rollout.trace.steps[0].request) == (
        [ANSWER],
        {"messages": 1, "tools": 0},
    )


async def test_parallel_calls_are_all_answered(make: Make) -> None:
    rollout = await play(make("parallel:3"), count_letter)
    assert rollout.submitted == [ANSWER]
    assert rollout.steps()[1:4] == [("tool", "count_letter")] * 3


async def test_arguments_that_are_no_json_are_an_error_that_the_model_reads(make: Make) -> None:
    rollout = await play(make("bad-json"), count_letter)
    assert "the arguments of the tool `count_letter` are not JSON" in str(rollout.submitted[0])
    assert "are not JSON" in str(rollout.trace.steps[1].error)


async def test_a_tools_error_reaches_the_model(make: Make) -> None:
    rollout = await play(make('call:count_letter:{"word": "x"}'), count_letter)
    assert "unexpected keyword argument 'word'" in str(rollout.submitted[0])


async def test_an_image_that_a_tool_returned_reaches_the_model(make: Make) -> None:
    assert (await play(make("images"), look)).submitted == ["1"]


async def test_an_image_of_the_prompt_reaches_the_model(make: Make) -> None:
    rollout = Rollout()
    rollout.conversation = [user("What is this?"), user(PIXEL), user("And this?"), user(PIXEL)]
    await make("images").run(rollout)
    assert rollout.submitted == ["2"]


async def test_what_the_scenario_has_the_model_say_is_sent_as_the_models(
    make: Make, provider: Running
) -> None:
    rollout = Rollout()
    said = user("I am ready.").model_copy(update={"role": "assistant"})
    rollout.conversation = [user("Are you ready?"), said, user(QUESTION)]
    await make("echo").run(rollout)
    body = provider.requests[-1]["body"]
    sent = body.get("messages") or body["input"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert rollout.submitted == [QUESTION]


async def test_instructions_are_sent_where_the_provider_wants_them(
    make: Make, provider: Running
) -> None:
    rollout = Rollout()
    rollout.system_prompt = "Count well."
    await make("m").run(rollout)
    body = provider.requests[-1]["body"]
    told = body.get("instructions") or body.get("system") or body["messages"][0]
    assert "Count well." in str(told)


async def test_an_answer_that_was_cut_off_says_so(make: Make) -> None:
    rollout = await play(make("cut"))
    assert rollout.submitted == ["The letter occ"]
    assert rollout.trace.info["stop_reason"] in {"length", "max_tokens", "max_output_tokens"}


@pytest.mark.parametrize("model", ["limited:0", "limited:date", "errors:1:503"])
async def test_a_refusal_that_passes_is_asked_again(
    make: Make, provider: Running, model: str
) -> None:
    assert (await play(make(model))).submitted == [ANSWER]
    assert provider.stats["requests"] == 2


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (400, None),
        (401, "check {key}, in the environment or in .env"),
        (403, "check {key}, in the environment or in .env"),
        (404, "does {url} have a model named `status:404`?"),
    ],
)
async def test_a_refusal_that_stays_fails_at_once(
    make: Make, provider: Running, status: int, hint: str | None
) -> None:
    agent = make(f"status:{status}")
    failure = await refused(agent)
    asked = agent.connection.provider
    assert failure.message == (
        f"{asked.name} answered {status} for the model `status:{status}`: "
        f"fake {status}: 5 things went wrong"
    )
    assert failure.hint == (
        hint and hint.format(key=asked.key_variable, url=agent.connection.base_url)
    )
    assert provider.stats["requests"] == 1


async def test_a_provider_that_is_down_fails_the_rollout(make: Make, provider: Running) -> None:
    failure = await refused(make("status:503", retries=1))
    assert "answered 503 for the model `status:503` (2 attempts): fake 503" in failure.message
    assert provider.stats["requests"] == 2


@pytest.mark.parametrize("model", ["garbage", "empty", "wrong-shape"])
async def test_an_answer_without_an_answer_is_a_failure(
    make: Make, provider: Running, model: str
) -> None:
    failure = await refused(make(model))
    assert f"gave no usable answer for the model `{model}`: the answer" in failure.message
    assert provider.stats["requests"] == 1


async def test_a_provider_that_never_answers_is_given_up(make: Make) -> None:
    failure = await refused(make("hang", retries=0, timeout=0.2))
    assert "did not answer for the model `hang`: waited 0.2 s" in failure.message
    assert failure.hint == "HUD_PROVIDER_TIMEOUT sets how long to wait"


async def test_a_provider_that_is_not_there_is_named_with_its_address(make: Make) -> None:
    agent = make("m", retries=0, base_url="http://127.0.0.1:9/v1")
    failure = await refused(agent)
    assert "could not be reached for the model `m`: " in failure.message
    variable = agent.connection.provider.url_variable
    assert failure.hint == f"is http://127.0.0.1:9/v1 right? {variable} sets it"


async def test_a_stream_that_breaks_is_no_answer(provider: Running) -> None:
    agent = ClaudeAgent.create(
        model="broken-stream", base_url=provider.url, api_key="key", max_tokens=64_000
    )
    agent.connection = replace(agent.connection, retries=0)
    assert "fake 529: 5 things went wrong" in (await refused(agent)).message


async def test_many_rollouts_at_once_share_a_client(make: Make, provider: Running) -> None:
    agent, rollouts = make("slow:20"), [Rollout(count_letter) for _ in range(40)]
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for rollout in rollouts:
                group.start_soon(agent.run, rollout)
    assert [rollout.submitted for rollout in rollouts] == [[ANSWER]] * 40
    assert provider.stats["max_concurrent"] > 1


async def test_claude_is_asked_to_cache_tools_instructions_and_conversation(
    provider: Running,
) -> None:
    agent = ClaudeAgent.create(
        model="m", base_url=provider.url, api_key="key", system_prompt="Count."
    )
    await play(agent, look, count_letter)
    body = provider.requests[-1]["body"]
    assert [("cache_control" in tool) for tool in body["tools"]] == [False, True]
    assert "cache_control" in body["system"][-1]
    marked = ["cache_control" in message["content"][-1] for message in body["messages"]]
    assert marked == [False, False, True]


async def test_claude_gets_back_an_object_for_a_call_that_was_no_json(provider: Running) -> None:
    agent = AGENTS["claude streaming"](provider, "bad-json")
    await play(agent, count_letter)
    turn = provider.requests[-1]["body"]["messages"][1]["content"]
    assert [(block["type"], block["input"]) for block in turn] == [("tool_use", {})]


async def test_options_of_the_responses_api_are_sent(provider: Running) -> None:
    options = {"temperature": 0.5, "reasoning": {"effort": "low"}, "max_output_tokens": 9}
    tool_options = {"tool_choice": "required", "parallel_tool_calls": False}
    agent = OpenAIAgent.create(
        model="fixed:1", base_url=provider.openai_url, api_key="key", **options, **tool_options
    )
    await play(agent, count_letter)
    await play(agent)
    with_tools, without = (request["body"] for request in provider.requests)
    assert with_tools.items() >= (options | tool_options).items()
    assert without.items() >= options.items()
    assert without.keys().isdisjoint({"tools", *tool_options})


async def test_completion_arguments_are_sent_as_the_package_would_send_them(
    provider: Running,
) -> None:
    more = {
        "temperature": 0.5,
        "extra_body": {"top_k": 4},
        "extra_headers": {"x-team": "red"},
        "extra_query": {"tag": "a"},
        "timeout": 5,
    }
    agent = OpenAIChatAgent.create(
        model="fixed:1", base_url=provider.openai_url, checkpoint="step-9", completion_kwargs=more
    )
    await play(agent)
    request = provider.requests[-1]
    assert (
        request["body"].items() >= {"temperature": 0.5, "top_k": 4, "checkpoint": "step-9"}.items()
    )
    assert request["body"].keys() == {"model", "messages", "temperature", "top_k", "checkpoint"}
    assert (request["headers"]["x-team"], request["headers"]["authorization"]) == (
        "red",
        "Bearer none",
    )


async def test_gemini_is_asked_to_think_in_its_own_words(provider: Running) -> None:
    agent = GeminiAgent.create(
        model="fixed:1", base_url=provider.openai_url, api_key="key", thinking_level="low", top_k=4
    )
    await play(agent)
    body = provider.requests[-1]["body"]
    assert body["extra_body"] == {"google": {"thinking_config": {"thinking_level": "low"}}}
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (1.0, 0.95, 8192)


async def test_a_client_that_was_given_is_used_without_retries_of_its_own(
    provider: Running,
) -> None:
    async with (
        openai.AsyncOpenAI(base_url=provider.openai_url, api_key="own") as for_openai,
        anthropic.AsyncAnthropic(base_url=provider.url, api_key="own") as for_claude,
    ):
        agents: list[ProviderAgent] = [
            OpenAIChatAgent.create(model="limited:0", openai_client=for_openai),
            OpenAIAgent.create(model="limited:0", model_client=for_openai),
            ClaudeAgent.create(model="limited:0", model_client=for_claude),
        ]
        for agent in agents:
            assert (await play(agent, count_letter)).submitted == [ANSWER]
    keys = {str(request["headers"]).count("own") for request in provider.requests}
    assert (keys, len(provider.requests)) == ({1}, 12)


async def test_an_error_inside_a_fine_answer_is_a_failure() -> None:
    class Endpoint:
        """A client whose endpoint reports its errors with status 200."""

        def __init__(self) -> None:
            self.chat = self.completions = self

        async def create(self, **arguments: object) -> dict[str, Any]:
            return {"error": {"code": 402, "message": "no credits left\nbuy some"}}

    failure = await refused(OpenAIChatAgent.create(model="m", openai_client=Endpoint()))
    assert failure.message == "openai_compatible answered 402 for the model `m`: no credits left"

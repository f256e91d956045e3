"""What published environments call behaves as it is documented, one row of the frequency table
after the other; the imports of those rows are in `test_published_names.py`.
"""

from __future__ import annotations

import asyncio
import base64
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import fastmcp
import httpx2
import mcp_types
import pytest
import uvicorn
from fastmcp.exceptions import ToolError as FastMCPToolError
from mcp import Client
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Mount

import hud
from hud import Environment
from hud.agents import create_agent
from hud.agents.base import MCPAgent
from hud.datasets import load_tasks, save_tasks
from hud.environment import Context
from hud.environment.server import protocol_server
from hud.errors import InitializeFailure
from hud.eval.task import Task
from hud.native.graders import BashGrader, Grade
from hud.server import MCPRouter, MCPServer
from hud.settings import settings
from hud.tools import (
    AnthropicComputerTool,
    ApplyPatchTool,
    BashTool,
    EditTool,
    GlobTool,
    HudComputerTool,
    JupyterTool,
    PlaywrightTool,
    ShellTool,
)
from hud.tools.base import BaseHub, BaseTool
from hud.tools.coding.utils import get_demote_preexec_fn
from hud.tools.computer.settings import computer_settings
from hud.tools.executors.base import BaseExecutor
from hud.tools.submit import SubmitTool, get_submission
from hud.tools.types import ContentResult, EvaluationResult, SubScore
from hud.tools.types import ToolError as AuthorsError
from hud.types import InferenceResult, MCPToolCall, Trace
from tests.hud.environment.served import free_port, reachable

pytestmark = pytest.mark.anyio


class Item(BaseModel):
    """What a tool takes and gives."""

    name: str
    kind: Literal["a", "b"] = "a"


def shop(name: str = "my_shop") -> Environment:
    """An environment with a tool, a secret one, and a scenario."""
    env = Environment(name=name, instructions="Sell.")

    @env.tool(name="add", description="Add up.")
    def addition(a: int, b: int = 2) -> int:
        return a + b

    @env.tool()
    def secret_price() -> int:
        return 7

    @env.tool()
    def refuse(why: str = "no") -> str:
        raise AuthorsError(why)

    @env.scenario("sum", exclude_tools=["secret_*"])
    async def total(a: int, b: int = 2, note: str | None = None) -> Any:
        answer = yield f"What is {a} + {b}?"
        yield float(answer == str(a + b))

    return env


async def played(env: Environment, answer: Any, scenario: str = "sum", **args: Any) -> Any:
    """What hud.eval makes of one answer."""
    async with hud.eval(env(scenario, **args), trace=False, quiet=True) as ctx:
        await ctx.submit(answer)
    return ctx.reward


async def test_1_and_8_a_scenario_takes_arguments_and_grades_the_answer() -> None:
    env = shop()
    assert await played(env, "3", a=1) == 1.0
    assert await played(env, "3", "my_shop:sum", a="1") == 1.0
    assert await played(env, "4", a=1) == 0.0


async def test_1_excluded_tools_are_hidden_from_the_agent_and_not_from_the_scenario() -> None:
    env = shop()
    async with hud.eval(env("sum", a=1)) as ctx:
        assert [tool.name for tool in ctx.as_tools()] == ["add", "refuse"]
        assert (await env.call_tool("secret_price")).structuredContent == {"result": 7}


async def test_2_and_7_names_are_normalised_and_instructions_reach_clients() -> None:
    env = shop()
    async with Client(protocol_server(env)) as client:
        assert env.name == "my-shop"
        assert client.instructions == "Sell."


@pytest.mark.parametrize(
    ("returned", "text", "structured"),
    [
        ("hi", "hi", {"result": "hi"}),
        (3, "3", {"result": 3}),
        (None, None, {"result": None}),
        ([], None, {"result": []}),
        ({"id": 1}, '{"id":1}', {"id": 1}),
        (Item(name="x"), '{"name":"x","kind":"a"}', {"name": "x", "kind": "a"}),
    ],
    ids=["str", "int", "none", "empty", "dict", "model"],
)
async def test_4_results_of_tools_are_text_and_structure(
    returned: Any, text: str | None, structured: Any
) -> None:
    env = Environment("results")
    env.tool(name="give")(lambda: returned)
    async with env:
        result = await env.call_tool("give")
    assert [block.text for block in result.content] == ([] if text is None else [text])
    assert result.structuredContent == structured


@pytest.mark.parametrize("declare", ["bare", "called", "positional", "keyword", "direct"])
async def test_4_every_form_of_the_decorator_declares_and_gives_the_function_back(
    declare: str,
) -> None:
    env = Environment("forms")

    async def look(item: Item, times: int = 1) -> str:
        return item.name * times

    forms: dict[str, Callable[[], Any]] = {
        "bare": lambda: env.tool(look),
        "called": lambda: env.tool()(look),
        "positional": lambda: env.tool("look")(look),
        "keyword": lambda: env.tool(name="look", description="Look.", output_schema=None)(look),
        "direct": lambda: env.add_tool(look),
    }
    assert forms[declare]() is look
    async with env:
        assert (await env.call_tool("look", item={"name": "x"}, times=2)).content[0].text == "xx"


class Adder(MCPAgent):
    """An agent as authors write them: two steps, then the tool's result."""

    async def get_response(self, messages: list[Any]) -> InferenceResult:
        if len(messages) > 1:
            return InferenceResult(content=messages[-1]["content"][0].text, tool_calls=[])
        call = MCPToolCall(name="add", arguments={"a": 1})
        return InferenceResult.model_validate({"content": None, "tool_calls": [call]})

    async def format_tool_results(self, tool_calls: Any, tool_results: Any) -> list[Any]:
        return [{"role": "tool", "content": result.content} for result in tool_results]


async def test_5_and_58_an_authors_agent_plays_a_context() -> None:
    env = shop()
    async with hud.eval(env("sum", a=1)) as ctx:
        trace = await Adder().run(ctx, max_steps=5)
    assert isinstance(trace, Trace)
    assert (trace.content, ctx.reward, ctx.answer) == ("3", 1.0, "3")


async def test_6_24_and_42_many_runs_have_variants_and_results() -> None:
    env = shop()
    async with hud.eval(
        [env("sum", a=1), env("sum", a=2)],
        name="many",
        variants={"guess": ["3", "4"]},
        group=2,
        max_concurrent=2,
        trace=False,
        quiet=True,
    ) as ctx:
        await ctx.submit(ctx.variants["guess"])
    assert [result.reward for result in ctx.results] == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    assert ctx.reward == 0.5


@pytest.mark.parametrize(
    ("grade", "reward"),
    [
        (True, 1.0),
        (0, 0.0),
        ("0.7", 0.7),
        ({"reward": 0.5, "info": {"a": 1}}, 0.5),
        (EvaluationResult(reward=0.25, done=True, content="", info={}, isError=False), 0.25),
        ([SubScore(name="a", value=1.0, weight=0.5), SubScore(name="b", value=0, weight=0.5)], 0.5),
        (-0.5, -0.5),
    ],
    ids=["bool", "int", "text", "dict", "result", "subscores", "negative"],
)
@pytest.mark.filterwarnings("ignore:.*outside:UserWarning")
async def test_7_and_34_what_scenarios_yield_as_grade_is_the_reward(
    grade: Any, reward: float
) -> None:
    env = Environment("grades")

    @env.scenario()
    async def play() -> Any:
        yield "Play."
        yield grade

    assert await played(env, "", "play") == reward


@pytest.mark.parametrize("argument", ["", "ctx", "_ctx", "init_ctx"], ids=str)
async def test_13_14_18_and_22_hooks_take_an_argument_of_any_name_or_none(argument: str) -> None:
    env = MCPServer(name="hooks")
    calls: list[str] = []
    namespace: dict[str, Any] = {"calls": calls}
    exec(f"async def begin({argument}): calls.append('begin')", namespace)
    exec(f"def end({argument}): calls.append('end')", namespace)
    env.initialize(namespace["begin"])
    env.shutdown()(namespace["end"])
    async with env:
        assert calls == ["begin"]
    assert calls == ["begin", "end"]


def test_11_settings_have_the_published_fields() -> None:
    assert settings.api_key is None
    assert settings.hud_gateway_url
    assert settings.hud_api_url == settings.controller_url
    settings.telemetry_enabled = False


async def test_15_and_23_tasks_are_saved_and_loaded_with_names_as_authors_write_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "env.py").write_text(
        "from hud import Environment\nenv = Environment('late_shop')\n\n\n"
        "@env.scenario('s')\nasync def s(x: int = 1):\n    yield f'{x}'\n    yield 1.0\n"
    )
    rows = [Task(env={"name": "late_shop"}, scenario="late_shop:s", args={"x": 2}, slug="two")]
    save_tasks(str(tmp_path / "tasks.json"), rows)
    (task,) = load_tasks(str(tmp_path / "tasks.json"))
    trace = await task.run("nop")
    assert (trace.reward, trace.error) == (1.0, None)


async def test_17_and_60_a_shell_keeps_its_state_and_may_be_subclassed() -> None:
    class Careful(BashTool):
        async def __call__(self, command: str | None = None, restart: bool = False) -> Any:
            if command and "rm" in command:
                raise AuthorsError("not that")
            return await super().__call__(command=command, restart=restart)

    env = Environment("shell")
    env.add_tool(Careful())
    async with env:
        await env.call_tool("bash", command="x=5")
        assert "5" in (await env.call_tool("bash", command="echo $x")).content[0].text
        assert (await env.call_tool(MCPToolCall(name="bash", arguments={"command": "rm"}))).isError
    assert get_demote_preexec_fn() is None or callable(get_demote_preexec_fn())


async def test_19_27_44_and_45_handles_make_tasks_that_carry_their_solution() -> None:
    env = shop()
    task = env("sum", a=1)
    task.slug = "one-and-two"
    task.validation = [MCPToolCall(name="submit", arguments={"answer": "3"})]
    trace = await task.run("oracle", max_steps=3, trace=False, quiet=True)
    assert trace.reward == 1.0
    same = Task(env=env, scenario="sum", args={"a": 1}, slug="same", metadata={"k": 1})
    assert same.args == task.args


async def test_20_37_43_and_62_a_loop_of_ones_own_plays_with_openais_calls() -> None:
    env = shop()
    async with hud.eval(env("sum", a=1)) as ctx:
        assert ctx.prompt == "What is 1 + 2?"
        names = [tool["function"]["name"] for tool in ctx.as_openai_chat_tools()]
        function = SimpleNamespace(name="add", arguments='{"a": 1}')
        call = SimpleNamespace(id="call_1", type="function", function=function)
        message = await ctx.call_tool(call)
        await ctx.submit(message["content"])
    assert names == ["add", "refuse"]
    assert message == {"role": "tool", "tool_call_id": "call_1", "content": "3"}
    assert ctx.reward == 1.0


@pytest.mark.parametrize("name", ["add", "nobody", "refuse"])
async def test_28_a_failing_tool_raises_what_authors_catch_as_fastmcps(name: str) -> None:
    env = shop()
    async with env:
        with pytest.raises(FastMCPToolError):
            await env.call_tool(name, b="x")
        result = await env.call_tool(MCPToolCall(name=name, arguments={"b": "x"}))
    assert result.isError


async def test_21_51_and_56_files_are_edited_patched_and_found(tmp_path: Path) -> None:
    env = Environment("files")
    for tool in (EditTool(), ApplyPatchTool(base_path=str(tmp_path)), ShellTool()):
        env.add_tool(tool)
    env.add_tool(GlobTool(base_path=str(tmp_path)))
    path = str(tmp_path / "a.txt")
    async with env:
        await env.call_tool("edit", command="create", path=path, file_text="one\ntwo\n")
        await env.call_tool("edit", command="str_replace", path=path, old_str="one", new_str="1")
        patch = {"type": "update_file", "path": "a.txt", "diff": "@@\n 1\n-two\n+2\n"}
        await env.call_tool("apply_patch", **patch)
        assert "a.txt" in (await env.call_tool("glob", pattern="*.txt")).content[0].text
    assert (tmp_path / "a.txt").read_text() == "1\n2\n"


def test_25_a_content_result_becomes_blocks() -> None:
    blocks = ContentResult(output="a", error="b", base64_image="aGk=").to_content_blocks()
    assert [block.type for block in blocks] == ["text", "text", "image"]


async def test_26_30_47_and_63_computer_tools_share_an_authors_executor() -> None:
    class Recording(BaseExecutor):
        clicks: list[Any]

        async def click(self, *args: Any, **options: Any) -> ContentResult:
            self.clicks.append((args, options))
            return ContentResult(output="clicked")

    executor = Recording(display_num=1)
    executor.clicks = []
    env = Environment("screen")
    env.add_tool(AnthropicComputerTool(executor=executor, width=100, height=100))
    env.add_tool(HudComputerTool(executor=executor))
    async with env:
        await env.call_tool("anthropic_computer", action="left_click", coordinate=[1, 2])
    assert len(executor.clicks) == 1
    assert computer_settings.ANTHROPIC_COMPUTER_WIDTH > 0


async def test_29_33_and_59_routers_are_included_prefixed_mounted_and_hidden() -> None:
    router = MCPRouter("kit")

    @router.tool
    async def cut(length: int, ctx: Context) -> str:
        await ctx.info("cutting")
        return f"{length} mm"

    env = Environment("workshop")
    env.include_router(router, prefix="kit")
    env.mount(router)
    env.include_router(router, hidden=True)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("kit_cut", {"length": 1}),
        ("cut", {"length": 1}),
        ("kit", {"name": "cut", "arguments": {"length": 1}}),
        ("kit", {"name": "cut", "arguments": '{"length": 1}'}),
    ]
    async with env:
        for name, given in calls:
            assert (await env.call_tool(name, **given)).content[0].text == "1 mm"
        (listed,) = await env.read_resource("kit://functions")
    assert listed.text == '["cut"]'


async def test_36_and_38_a_hub_hides_functions_behind_one_tool() -> None:
    env, evaluate = MCPServer(name="v4"), BaseHub("evaluate", env={"n": 2})

    @evaluate.tool("reached")
    async def reached(target: int) -> EvaluationResult:
        return EvaluationResult(reward=evaluate.env["n"] / target, done=True)

    env.mount(evaluate)
    async with env:
        result = await env.call_tool("evaluate", name="reached", arguments={"target": 4})
        assert [tool.name for tool in env.as_tools()] == ["evaluate"]
    assert result.structuredContent["reward"] == 0.5


async def test_53_a_tool_class_has_callbacks_and_what_it_acts_on() -> None:
    class Increment(BaseTool):
        async def __call__(self, by: int = 1) -> list[mcp_types.ContentBlock]:
            self.env["n"] += by
            return [mcp_types.TextContent(type="text", text=str(self.env["n"]))]

    state = {"n": 0}
    tool = Increment(env=state, name="inc", title="Increment", description="One more.")

    @tool.before
    async def double(by: int = 1, **rest: Any) -> dict[str, Any]:
        return {"by": 2 * by}

    env = Environment("counter")
    env.add_tool(tool)
    async with env:
        assert (await env.call_tool("inc", by=2)).content[0].text == "4"
    assert state == {"n": 4}


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        (PlaywrightTool(cdp_url="http://127.0.0.1:9"), {"action": "navigate", "url": "data:,"}),
        (JupyterTool(url_suffix="127.0.0.1:9"), {"code": "1"}),
    ],
    ids=["35-playwright", "64-jupyter"],
)
async def test_a_tool_without_its_service_says_so(tool: Any, arguments: dict[str, Any]) -> None:
    env = Environment("alone")
    env.add_tool(tool)
    async with env:
        call = MCPToolCall(name=env.as_tools()[0].name, arguments=arguments)
        result = await env.call_tool(call)
    said = " ".join(getattr(block, "text", "") for block in result.content)
    assert result.isError or "rror" in said
    assert "127.0.0.1:9" in said or "playwright" in said.lower()


async def test_46_graders_are_weighed_together() -> None:
    graded = await Grade.gather(
        BashGrader.grade(name="yes", weight=0.75, command="true", timeout_seconds=30),
        BashGrader.grade(name="no", weight=0.25, command="false", timeout_seconds=30),
        SubScore(name="penalty", value=1.0, weight=-0.25),
    )
    assert graded.reward == pytest.approx(0.5)


async def test_52_a_fastmcp_server_is_connected_under_a_prefix() -> None:
    inner: Any = fastmcp.FastMCP("inner")

    def triple(x: int) -> int:
        return 3 * x

    inner.tool(triple)
    env = Environment("outer").connect_server(inner, prefix="math")
    async with env:
        assert (await env.call_tool("math_triple", x=2)).structuredContent == {"result": 6}
        assert (list(env.connections), env.local_connections) == (["inner"], ["inner"])


async def test_55_resources_are_read_as_lists_of_contents_with_the_older_names() -> None:
    env = Environment("library")
    env.resource("data://text", mime_type="text/plain")(lambda: "words")
    env.resource("data://bytes", mime_type="image/png")(lambda: b"\x89PNG")
    async with env:
        (text,) = await env.read_resource("data://text")
        blob = (await env.read_resource("data://bytes"))[0]
    assert (text.text, text.mimeType) == ("words", "text/plain")
    assert (base64.b64decode(blob.blob), blob.mimeType) == (b"\x89PNG", "image/png")


async def test_57_a_scenario_is_driven_by_hand() -> None:
    env = shop()
    async with env:
        assert await env.run_scenario_setup("sum", {"a": 1}) == "What is 1 + 2?"
        await env.submit("sum", "3")
        assert (await env.run_scenario_evaluate("sum")).reward == 1.0
    assert list(env._scenarios) == ["sum"]


async def test_65_a_submission_is_found_by_the_scenario() -> None:
    env = Environment("submitting")
    env.add_tool(SubmitTool())
    async with env:
        await env.call_tool("response", response="42")
    assert get_submission() == "42"


async def test_31_an_agent_offers_the_model_only_the_allowed_tools() -> None:
    env = shop()
    agent = create_agent("oracle", allowed_tools=["add"], system_prompt="Be brief.", verbose=True)
    async with hud.eval(env("sum", a=1)) as ctx:
        await agent.run(ctx, max_steps=1)
    assert agent.config.allowed_tools == ["add"]


def with_lifespan(log: list[str], broken: bool = False) -> Environment:
    """An environment whose lifespan opens a database."""

    @asynccontextmanager
    async def lifespan(server: Any) -> AsyncIterator[dict[str, str]]:
        if broken:
            raise RuntimeError("no disk")
        async with asyncio.timeout(60):
            log.append(f"open {server.name}")
            yield {"db": "ledger"}
            log.append("close")

    env = Environment("books", lifespan=lifespan)
    env.initialize(functools.partial(log.append, "init"))

    @env.tool()
    def which(ctx: Context) -> str:
        return str(ctx.lifespan_context["db"])

    return env


async def test_a_lifespan_runs_around_the_hooks_and_tools_find_what_it_yields() -> None:
    log: list[str] = []
    env = with_lifespan(log)
    left = asyncio.Event()

    async def first() -> None:
        async with env:
            await left.wait()

    task = asyncio.create_task(first())
    await asyncio.sleep(0)
    async with env:
        assert (await env.call_tool("which")).content[0].text == "ledger"
        left.set()
        await task
    assert log == ["open books", "init", "close"]


async def test_a_lifespan_that_fails_fails_the_start() -> None:
    with pytest.raises(InitializeFailure, match="RuntimeError: no disk"):
        async with with_lifespan([], broken=True):
            pass


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """The URL of an ASGI application, served as authors serve theirs: by uvicorn."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(10):
            await reachable(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


def web_shop() -> Environment:
    """The shop, with an endpoint beside MCP."""
    env = shop()

    @env.custom_route("/health", methods=["GET"])
    async def health(request: Any) -> JSONResponse:
        return JSONResponse({"ok": True})

    return env


async def test_3_and_41_an_application_is_served_with_middleware_and_endpoints() -> None:
    cors = Middleware(CORSMiddleware, allow_origins=["*"])
    app = web_shop().http_app(path="/mcp", stateless_http=True, middleware=[cors])
    async with listening(app) as url, httpx2.AsyncClient() as http:
        answer = await http.get(f"{url}/health", headers={"Origin": "http://a.example"})
        far = Environment("far").connect_url(f"{url}/mcp")
        assert await played(far, "3", "my-shop:sum", a=1) == 1.0
    assert answer.json() == {"ok": True}
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_3_an_application_is_mounted_into_another_by_its_lifespan() -> None:
    inner: Any = shop().http_app(path="/")
    app = Starlette(routes=[Mount("/shop", inner)], lifespan=inner.lifespan)
    async with listening(app) as url:
        far = Environment("far").connect_url(f"{url}/shop/")
        assert await played(far, "3", "my-shop:sum", a=1) == 1.0


LEFT_OUT: dict[str, Callable[[Environment], Awaitable[Any] | Any]] = {
    "setup_tool": lambda env: env.setup_tool("begin"),
    "evaluate_tool": lambda env: env.evaluate_tool("end"),
    "to_config": lambda env: env.to_config(),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_method_that_is_left_out_says_what_to_do(name: str) -> None:
    with pytest.raises(hud.errors.LeftOut, match=f"`Environment.{name}`") as refusal:
        LEFT_OUT[name](shop())
    assert refusal.value.hint

"""The Jupyter tool, against a gateway that speaks the kernels' protocol."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from hud.errors import UserError
from hud.tools import JupyterTool
from tests.hud.tools.calling import LIMIT, call, failure, images, text

pytestmark = pytest.mark.anyio


class Gateway:
    """A kernel gateway whose kernels keep variables."""

    def __init__(self) -> None:
        self.kernels: dict[str, dict[str, Any]] = {}
        self.interrupted: list[str] = []
        self.app = Starlette(
            routes=[
                Route("/api/kernels", self.start, methods=["POST"]),
                Route("/api/kernels/{id}", self.stop, methods=["DELETE"]),
                Route("/api/kernels/{id}/interrupt", self.interrupt, methods=["POST"]),
                WebSocketRoute("/api/kernels/{id}/channels", self.talk),
            ]
        )

    async def start(self, request: Request) -> Response:
        if (await request.json())["name"] != "python3":
            return JSONResponse({}, status_code=500)
        kernel = f"kernel-{len(self.kernels) + 1}"
        self.kernels[kernel] = {}
        return JSONResponse({"id": kernel}, status_code=201)

    async def stop(self, request: Request) -> Response:
        del self.kernels[request.path_params["id"]]
        return Response(status_code=204)

    async def interrupt(self, request: Request) -> Response:
        self.interrupted.append(request.path_params["id"])
        return Response(status_code=204)

    async def talk(self, channel: WebSocket) -> None:
        await channel.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                asked = json.loads(await channel.receive_text())
                names = self.kernels[channel.path_params["id"]]
                for kind, content in answers(asked["content"]["code"], names):
                    parent = {"msg_id": asked["header"]["msg_id"]}
                    message = {"msg_type": kind, "content": content, "parent_header": parent}
                    await channel.send_text(json.dumps(message))


def answers(code: str, names: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """What a kernel says about `name = number`, an expression, `picture` or `forever`."""
    ended = [("execute_reply", {"status": "ok"}), ("status", {"execution_state": "idle"})]
    if code == "forever":
        return [("stream", {"name": "stdout", "text": "working\n"})]
    if code == "picture":
        data = {"image/png": "aGk=\n", "text/plain": "<Figure>"}
        return [("display_data", {"data": data}), *ended]
    name, is_assignment, number = code.partition(" = ")
    if is_assignment:
        names[name] = int(number)
        return ended
    if name not in names:
        return [("error", {"traceback": ["\x1b[31mNameError\x1b[0m", name]}), *ended]
    data = {"text/plain": str(names[name])}
    printed = ("stream", {"name": "stdout", "text": "printed\n"})
    return [printed, ("execute_result", {"data": data}), *ended]


@pytest.fixture
async def served() -> AsyncIterator[tuple[Gateway, str]]:
    gateway = Gateway()
    config = uvicorn.Config(gateway.app, log_level="warning", ws="websockets-sansio")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield gateway, f"127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        async with asyncio.timeout(LIMIT):
            await serving


async def test_variables_stay_and_results_are_told(served: tuple[Gateway, str]) -> None:
    tool = JupyterTool(url_suffix=served[1])
    assert (await call(tool, code="x = 5")).content == []
    assert await text(tool, code="x") == "printed\n5"


async def test_a_traceback_is_told_without_colours(served: tuple[Gateway, str]) -> None:
    assert await text(JupyterTool(url_suffix=served[1]), code="y") == "NameError\ny"


async def test_a_picture_is_shown(served: tuple[Gateway, str]) -> None:
    (shown,) = images(await call(JupyterTool(url_suffix=served[1]), code="picture"))
    assert (shown.data, shown.mime_type) == ("aGk=", "image/png")


async def test_code_that_takes_too_long_is_interrupted(served: tuple[Gateway, str]) -> None:
    gateway, address = served
    told = await failure(JupyterTool(url_suffix=address), code="forever", execution_timeout=1)
    assert "interrupted" in told
    assert "working" in told
    assert gateway.interrupted == ["kernel-1"]


async def test_a_kernel_is_shared_by_name(served: tuple[Gateway, str]) -> None:
    gateway, address = served
    tool = JupyterTool(url_suffix=address)
    await call(tool, code="x = 1")
    JupyterTool.register_shared_kernel("mine", tool.get_kernel_id())
    other = JupyterTool.from_shared_kernel("mine", url_suffix=address)
    assert (await text(other, code="x")).endswith("1")
    await other.shutdown()
    assert list(gateway.kernels) == ["kernel-1"]
    await tool.shutdown()
    assert gateway.kernels == {}


def test_a_kernel_that_is_not_registered_is_refused() -> None:
    with pytest.raises(UserError, match="no kernel is registered as `other`"):
        JupyterTool.from_shared_kernel("other")


async def test_a_gateway_that_refuses_says_so(served: tuple[Gateway, str]) -> None:
    tool = JupyterTool(url_suffix=served[1], kernel_name="ruby")
    assert "refused POST /api/kernels: 500" in await failure(tool, code="x")


async def test_a_gateway_that_is_not_there_says_so() -> None:
    assert "out of reach" in await failure(JupyterTool(url_suffix="127.0.0.1:9"), code="x")

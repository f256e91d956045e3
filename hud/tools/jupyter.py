"""Python in a Jupyter kernel, by a kernel gateway or a Jupyter server (extra `jupyter`)."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from typing import Any, ClassVar, Self

import anyio
import httpx2
import mcp_types

from hud.errors import ToolError, UserError
from hud.tools.tool import BaseTool

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
START_SECONDS = 30.0


def strip_ansi(output: str) -> str:
    """A text without the colours of terminals."""
    return ANSI.sub("", output)


class JupyterTool(BaseTool):
    """Execute Python code in a Jupyter kernel"""

    name = "jupyter"
    title = "Jupyter Code Execution"
    _kernel_registry: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        url_suffix: str = "localhost:8888",
        kernel_name: str = "python3",
        kernel_id: str = "",
        **described: Any,
    ) -> None:
        """Make the tool for the gateway at `url_suffix`, host and port.

        Its kernel starts with the first call, unless `kernel_id` names one that runs.
        """
        super().__init__(**described)
        self._base_url = f"http://{url_suffix}"
        self._socket_url = f"ws://{url_suffix}"
        self._kernel_name = kernel_name
        self._kernel_id = kernel_id
        self._is_own = not kernel_id
        self._turn = anyio.Lock()

    @classmethod
    def register_shared_kernel(cls, registry_name: str, kernel_id: str) -> None:
        """Give a kernel a name, for tools in other places."""
        cls._kernel_registry[registry_name] = kernel_id

    @classmethod
    def from_shared_kernel(cls, registry_name: str, **options: Any) -> Self:
        """A tool for the kernel of that name.

        Raises:
            UserError: no kernel was given this name.
        """
        if registry_name not in cls._kernel_registry:
            raise UserError(
                f"no kernel is registered as `{registry_name}`",
                hint="JupyterTool.register_shared_kernel(name, tool.get_kernel_id())",
            )
        return cls(kernel_id=cls._kernel_registry[registry_name], **options)

    async def __call__(
        self, code: str, execution_timeout: int = 15
    ) -> list[mcp_types.ContentBlock]:
        """Execute code; variables and imports stay for the next call.

        Args:
            code: The Python code.
            execution_timeout: Seconds that it may take; then it is interrupted.

        Raises:
            ToolError: the gateway or the kernel cannot be reached, or it took too long.
        """
        async with self._turn:
            await self._ensure_kernel()
            return await self._execute(code, execution_timeout)

    def get_kernel_id(self) -> str:
        """The kernel's id; empty before its first use."""
        return self._kernel_id

    async def shutdown(self) -> None:
        """Stop the kernel, if it is this tool's own."""
        if self._kernel_id and self._is_own:
            kernel, self._kernel_id = self._kernel_id, ""
            await self._request("DELETE", f"/api/kernels/{kernel}")

    async def close(self) -> None:
        """`shutdown`, under the name that all tools have."""
        await self.shutdown()

    async def _ensure_kernel(self) -> None:
        if not self._kernel_id:
            answer = await self._request("POST", "/api/kernels", {"name": self._kernel_name})
            self._kernel_id = str(answer.json()["id"])

    async def _request(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        try:
            async with httpx2.AsyncClient(base_url=self._base_url, timeout=START_SECONDS) as client:
                answer = await client.request(method, path, json=body)
        except httpx2.HTTPError as exc:
            raise ToolError(
                f"the Jupyter gateway at {self._base_url} is out of reach: {exc}"
            ) from exc
        if answer.is_error:
            raise ToolError(f"the Jupyter gateway refused {method} {path}: {answer.status_code}")
        return answer

    async def _execute(self, code: str, seconds: int) -> list[mcp_types.ContentBlock]:
        websockets = _websockets()
        address = f"{self._socket_url}/api/kernels/{self._kernel_id}/channels"
        request = _request_message(code)
        run = Run(request["header"]["msg_id"])
        try:
            async with (
                asyncio.timeout(seconds),
                websockets.connect(address, max_size=None, proxy=None) as socket,
            ):
                await socket.send(json.dumps(request))
                while not run.is_over:
                    run.take(json.loads(await socket.recv()))
        except TimeoutError as exc:
            await self._request("POST", f"/api/kernels/{self._kernel_id}/interrupt")
            told = "".join(f"\noutput so far:\n{text}" for text in run.texts[:1])
            raise ToolError(
                f"the code took longer than {seconds} s and was interrupted{told}"
            ) from exc
        except (OSError, websockets.WebSocketException) as exc:
            raise ToolError(f"the Jupyter kernel is out of reach: {exc}") from exc
        return run.blocks()


class Run:
    """What a kernel says while it executes one piece of code."""

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        self.texts: list[str] = []
        self.images: list[mcp_types.ImageContent] = []
        self._idle = False
        self._replied = False

    @property
    def is_over(self) -> bool:
        """Whether the code has ended and nothing more will be said."""
        return self._idle and self._replied

    def take(self, message: dict[str, Any]) -> None:
        """Take one of the kernel's messages; those about other code are left out."""
        if message.get("parent_header", {}).get("msg_id") != self.message_id:
            return
        kind, content = message.get("msg_type"), message.get("content", {})
        if kind == "stream":
            self.texts.append(strip_ansi(content["text"]))
        elif kind in ("execute_result", "display_data"):
            self._take_data(content.get("data", {}))
        elif kind == "error":
            self.texts.append(strip_ansi("\n".join(content["traceback"])))
        elif kind == "execute_reply":
            self._replied = True
        elif kind == "status" and content.get("execution_state") == "idle":
            self._idle = True

    def _take_data(self, data: dict[str, Any]) -> None:
        for mime_type in ("image/png", "image/jpeg"):
            if mime_type in data:
                image = data[mime_type].replace("\n", "")
                self.images.append(mcp_types.ImageContent(data=image, mime_type=mime_type))
                return
        if "text/plain" in data:
            self.texts.append(strip_ansi(data["text/plain"]))

    def blocks(self) -> list[mcp_types.ContentBlock]:
        """The output as one text, then the images."""
        text = "".join(self.texts)
        told = [mcp_types.TextContent(text=text)] if text else []
        return [*told, *self.images]


def _request_message(code: str) -> dict[str, Any]:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "",
        "session": uuid.uuid4().hex,
        "version": "5.3",
    }
    content = {
        "code": code,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    return {
        "channel": "shell",
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
    }


def _websockets() -> Any:
    try:
        import websockets.asyncio.client  # noqa: PLC0415 - an optional package
        import websockets.exceptions  # noqa: PLC0415 - as above
    except ModuleNotFoundError as exc:
        raise UserError(
            "JupyterTool needs the package `websockets`: pip install 'hud-local[jupyter]'"
        ) from exc
    return websockets

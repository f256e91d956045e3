"""The door to the package `a2a-sdk`: a chat as an agent that other agents talk to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a2a.helpers import new_task_from_user_message, new_text_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from starlette.applications import Starlette

from hud.errors import HudError

if TYPE_CHECKING:
    from hud.services.chat_service import ChatService

TEXT = "text/plain"


class Executor(AgentExecutor):
    """Answers a message with a turn of its conversation's chat, and then waits for the next."""

    def __init__(self, service: ChatService) -> None:
        self._service = service

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Take a turn; one that failed fails the task, with the reason."""
        message = context.message
        assert message is not None, "the handler starts an executor with a message"
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        try:
            trace = await self._service.chat(task.context_id).send(context.get_user_input())
            answer, error = trace.content, trace.error
        except HudError as exc:
            answer, error = None, exc.message
        said = answer if answer is not None else error or "there is no answer"
        told = new_text_message(said, context_id=task.context_id, task_id=task.id)
        if answer is None:
            await updater.failed(told)
        else:
            await updater.requires_input(told)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """End the conversation."""
        conversation = context.context_id or ""
        self._service.forget(conversation)
        await TaskUpdater(event_queue, context.task_id or "", conversation).cancel()


def card(name: str, description: str, url: str) -> AgentCard:
    """How the agent is described to others."""
    skill = AgentSkill(id=name, name=name, description=description, tags=["chat"])
    return AgentCard(
        name=name,
        description=description,
        version="1.0",
        supported_interfaces=[
            AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version=version)
            for version in ("1.0", "0.3")
        ],
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=[TEXT],
        default_output_modes=[TEXT],
        skills=[skill],
    )


def app(service: ChatService, agent: AgentCard) -> Starlette:
    """The application that speaks A2A: the card, and JSON-RPC at the root."""
    handler = DefaultRequestHandler(
        agent_executor=Executor(service), task_store=InMemoryTaskStore(), agent_card=agent
    )
    routes = [
        *create_agent_card_routes(agent),
        *create_jsonrpc_routes(handler, "/", enable_v0_3_compat=True),
    ]
    return Starlette(routes=routes)

"""The agents that play a remote evaluation. They ask the model gateway, so that keys stay in one
place and what is asked is counted.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hud.agents.agent import MCPAgent
from hud.agents.catalog import create_agent, resolve
from hud.errors import UserError
from hud.eval.context import EvalContext
from hud.eval.gateway import GatewayPlace
from hud.eval.rollout import Play
from hud.wire import JobRequest, Variant

KEPT_HERE = ("api_key", "base_url", "model_client", "openai_client")
"""Options that say where a model is; the gateway knows."""


def check_variants(request: JobRequest) -> None:
    """See that a request's agents can play.

    Raises:
        UserError: an agent is unknown, two share a name, or one brings a key.
    """
    names = [variant.name for variant in request.agents]
    for variant in request.agents:
        if names.count(variant.name) > 1:
            raise UserError(f"two agents of the job are called `{variant.name}`")
        resolve(variant.agent, variant.model)
        brought = sorted(set(KEPT_HERE) & variant.parameters.keys())
        if brought:
            raise UserError(
                f"`{variant.name}`: `{brought[0]}` is no option of a remote evaluation",
                hint="store the key at the controller: hud set OPENAI_API_KEY=…",
            )


async def create_plays(request: JobRequest, job_id: str, gateway: GatewayPlace) -> dict[str, Play]:
    """What plays each variant, by its name.

    Raises:
        UserError: an agent cannot be made.
    """
    place = replace(gateway, use_cache=request.cache)
    made = {
        # Making the first agent of a provider loads its package, which takes a second.
        variant.name: await asyncio.to_thread(_create, variant, place, job_id)
        for variant in request.agents
    }
    return {name: _play(agent, request.max_steps) for name, agent in made.items()}


def _create(variant: Variant, gateway: GatewayPlace, job_id: str) -> MCPAgent:
    options = dict(variant.parameters)
    if variant.model is not None:
        options["model"] = variant.model
    asked = gateway.options(variant.agent, variant.model, job_id)
    return create_agent(variant.agent, **options, **asked)


def _play(agent: MCPAgent, max_steps: int) -> Play:
    async def play(context: EvalContext) -> None:
        await agent.run(context, max_steps=max_steps)

    return play

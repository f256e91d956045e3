"""Where agents find the controller's model gateway: an address that names the job that asks."""

from __future__ import annotations

from dataclasses import dataclass, field

from hud.agents.catalog import AGENTS, resolve
from hud.errors import UserError

CACHED = ",cache"
"""Ends the job's part of the address where answers may come out of the gateway's cache."""
UNSUPPORTED = ("gemini_cua",)
"""Agents that speak a protocol which the gateway does not."""


def gateway_options(
    agent: str, model: str | None, *, address: str, token: str, tag: str
) -> dict[str, str]:
    """Options that have an agent ask the gateway at `address` (without `/v1`); none for agents that
    ask no model. `tag` is a job's id, with `CACHED` behind it where the cache may answer.

    Raises:
        UserError: the agent is unknown, or cannot use the gateway.
    """
    name, _ = resolve(agent, model)
    provider = AGENTS[name].provider
    if provider is None:
        return {}
    if name in UNSUPPORTED:
        raise UserError(
            f"the agent `{name}` speaks Gemini's own API, which the model gateway does not",
            hint="run it locally, without --gateway",
        )
    base = f"{address.rstrip('/')}/v1/jobs/{tag}"
    is_anthropic = provider.package == "anthropic"
    return {"base_url": base if is_anthropic else f"{base}/v1", "api_key": token}


@dataclass(frozen=True)
class GatewayPlace:
    """A controller's model gateway."""

    address: str
    """Without `/v1`."""
    token: str = field(repr=False)
    use_cache: bool = False

    def options(self, agent: str, model: str | None, job_id: str) -> dict[str, str]:
        """Options of a job's agent; see `gateway_options`."""
        tag = job_id + (CACHED if self.use_cache else "")
        return gateway_options(agent, model, address=self.address, token=self.token, tag=tag)

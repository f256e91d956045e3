"""The networks that environments share: one of each kind, because an engine has addresses for about
thirty.

Containers on them do not see each other. The internal one leads nowhere but to this host, whose
services that listen on every address it can reach; the other leads wherever this host can go.
"""

from __future__ import annotations

from contextlib import suppress

from hud.containers import labels
from hud.containers.door import Door
from hud.containers.failures import Conflict, NotFound
from hud.containers.policy import NETWORKS
from hud.containers.spec import Network
from hud.errors import DockerFailure

_TRIES = 3


class SharedNetworks:
    """The networks of the engine behind a door; `used` are the kinds that this process has asked
    for.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self.used: set[Network] = set()

    async def ensure(self, kind: Network, *, anew: bool = False) -> None:
        """Make the network of this kind, unless there is one. `anew` asks the engine even if there
        was one before.
        """
        if kind == "none" or (kind in self.used and not anew):
            return
        for _ in range(_TRIES):
            try:
                await self._make(kind)
                break
            except Conflict:
                # Another process may remove it between these two questions.
                with suppress(NotFound):
                    await self._check(kind)
                    break
        self.used.add(kind)

    async def _make(self, kind: Network) -> None:
        name = NETWORKS[kind]
        await self._door.change(
            f"cannot make network `{name}`",
            self._door.client.create_network,
            name,
            driver="bridge",
            internal=kind == "internal",
            check_duplicate=True,
            options={"com.docker.network.bridge.enable_icc": "false"},
            labels={labels.OWNER: labels.SHARED, labels.RUN: "", labels.GENERATION: "0"},
        )

    async def _check(self, kind: Network) -> None:
        """Refuse a network of that name that somebody else made, which may isolate nothing."""
        name = NETWORKS[kind]
        what = f"cannot look at network `{name}`"
        found = await self._door.ask(what, self._door.client.inspect_network, name)
        isolated = found["Options"].get("com.docker.network.bridge.enable_icc") == "false"
        ours = (found["Labels"] or {}).get(labels.OWNER) == labels.SHARED
        if not (ours and isolated and found["Internal"] == (kind == "internal")):
            raise DockerFailure(
                f"network `{name}` exists, but was not made by hud",
                hint=f"docker network rm {name}",
            )

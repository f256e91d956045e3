"""What the services of environments ask of the store."""

from __future__ import annotations

from typing import Any, Protocol

from hud.wire.platform import (
    BuildRecord,
    DebugRecord,
    EnvironmentRecord,
    EnvironmentVersion,
    EventRecord,
    Page,
    SecretRecord,
    WorkStatus,
)


class Events(Protocol):
    """Takes note of what happens."""

    async def add_event(self, kind: str, subject: str, data: dict[str, Any]) -> EventRecord: ...


class Ledger(Events, Protocol):
    """Records of environments, their versions, builds and examinations; a write is durable when it
    returns.
    """

    async def put_environment(self, record: EnvironmentRecord) -> None: ...

    async def environments(self) -> list[EnvironmentRecord]: ...

    async def remove_environment(self, name: str) -> None: ...

    async def add_version(self, version: EnvironmentVersion) -> int: ...

    async def versions(self, name: str) -> list[EnvironmentVersion]: ...

    async def put_build(self, record: BuildRecord) -> None: ...

    async def builds(
        self, *, status: WorkStatus | None = None, limit: int = 100
    ) -> Page[BuildRecord]: ...

    async def put_debug(self, record: DebugRecord) -> None: ...

    async def debug(self, debug_id: str) -> DebugRecord: ...

    async def debugs(
        self, *, status: WorkStatus | None = None, limit: int = 100
    ) -> Page[DebugRecord]: ...


class SecretLedger(Events, Protocol):
    """Ciphertexts by name."""

    async def put_secret(self, name: str, ciphertext: bytes) -> None: ...

    async def secret(self, name: str) -> bytes: ...

    async def secrets(self) -> list[SecretRecord]: ...

    async def remove_secret(self, name: str) -> None: ...

"""Secrets: kept encrypted, given to containers and processes that declare them, shown to nobody.

The key is a file beside the store, so that a copy of the database alone tells nothing.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Self

from cryptography.fernet import Fernet, InvalidToken

from controller.environments.ledger import SecretLedger
from controller.environments.log import Cover, Redactor, redact_all
from controller.errors import NotFound
from controller.settings import variable
from hud.errors import UserError, did_you_mean
from hud.wire import Transcript
from hud.wire.platform import SecretRecord

KEY_FILE = "key"
NAMES = {"id", "job_id", "task", "variant", "status", "boundary"}
"""What a rollout is referred to by."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")

Heed = Callable[[str], Awaitable[None]]


class Secrets:
    """Values by name. An async context manager, which reads those that there are."""

    def __init__(self, store: SecretLedger, data_dir: Path) -> None:
        self._store = store
        self._key_file = data_dir / KEY_FILE
        self._fernet: Fernet
        self._values: dict[str, str] = {}
        self._covered: set[str] = set()
        """Every value that there was while this process runs: logs may still hold it."""
        self._redactor = Redactor()
        self._cover_of_logs = Cover(self.redact)
        self.listeners: list[Heed] = []
        """Called with the name of a secret that was put or removed."""

    async def __aenter__(self) -> Self:
        """Read the secrets.

        Raises:
            UserError: the key file cannot be read, or is not the one that they were encrypted with.
        """
        self._fernet = Fernet(read_key(self._key_file))
        for record in await self._store.secrets():
            self._values[record.name] = self._decrypted(
                record.name, await self._store.secret(record.name)
            )
        self._cover(self._values.values())
        for handler in logging.getLogger().handlers:
            handler.addFilter(self._cover_of_logs)
        return self

    async def __aexit__(self, *_: object) -> None:
        for handler in logging.getLogger().handlers:
            handler.removeFilter(self._cover_of_logs)
        self._values.clear()

    async def put(self, name: str, value: str) -> SecretRecord:
        """Store a secret, in place of the one that had its name.

        Raises:
            UserError: the name is not that of a variable, or the value is empty.
        """
        if not _NAME.fullmatch(name):
            raise UserError(f"{name!r} is not the name of a variable", hint="hud set NAME=VALUE")
        if not value or "\0" in value:
            raise UserError(f"the value of `{name}` cannot be that of a variable")
        await self._store.put_secret(name, self._fernet.encrypt(value.encode()))
        self._cover([value])
        self._values[name] = value
        await self._tell(name, "put")
        records = {record.name: record for record in await self._store.secrets()}
        return records[name]

    async def list(self) -> list[SecretRecord]:
        """The names."""
        return await self._store.secrets()

    async def remove(self, name: str) -> None:
        """Forget a secret.

        Raises:
            NotFound: there is none of that name.
        """
        if name not in self._values:
            hint = did_you_mean(name, self._values)
            raise NotFound(f"there is no secret `{name}`", hint=hint)
        await self._store.remove_secret(name)
        del self._values[name]
        await self._tell(name, "remove")

    def value(self, name: str) -> str | None:
        """The value of a secret, or that of the controller's own variable of that name."""
        return self._values.get(name) or variable(name)

    def given(self, names: Iterable[str]) -> dict[str, str]:
        """Those of the variables that have a value."""
        return {name: value for name in names if (value := self.value(name)) is not None}

    def redact(self, text: str) -> str:
        """The text without any secret."""
        return self._redactor(text)

    def redact_all(self, value: Any) -> Any:
        """JSON data without any secret."""
        return redact_all(value, self._redactor)

    def covered(self, transcript: Transcript) -> Transcript:
        """The transcript without any secret, but in what it is referred to by."""
        if not self._covered:
            return transcript
        data = self.redact_all(transcript.model_dump(mode="json"))
        names = transcript.rollout.model_dump(mode="json", include=NAMES)
        return Transcript.model_validate({**data, "rollout": {**data["rollout"], **names}})

    def _cover(self, values: Iterable[str]) -> None:
        self._covered.update(values)
        self._redactor = Redactor(self._covered)

    async def _tell(self, name: str, action: str) -> None:
        await self._store.add_event("secret", name, {"action": action})
        for listener in self.listeners:
            await listener(name)

    def _decrypted(self, name: str, ciphertext: bytes) -> str:
        try:
            return self._fernet.decrypt(ciphertext).decode()
        except InvalidToken as exc:
            told = f"secret `{name}` was not encrypted with the key in `{self._key_file}`"
            raise UserError(told, hint="put the key file back that belongs to the store") from exc


def read_key(path: Path) -> bytes:
    """The key in a file that only its owner can read; a new one if there is no file.

    Raises:
        UserError: the file cannot be read or made, or holds no key.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    except OSError as exc:
        raise UserError(f"`{path}` cannot be written: {exc.strerror}") from exc
    else:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
    try:
        key = path.read_bytes().strip()
        Fernet(key)
    except (OSError, ValueError) as exc:
        raise UserError(f"`{path}` holds no key: {exc}") from exc
    return key

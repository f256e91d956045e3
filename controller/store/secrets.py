"""Secrets, as the service encrypted them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select

from controller.errors import NotFound
from controller.store.jobs import check_key
from controller.store.tables import secrets
from controller.store.writing import put_row
from hud.wire.platform import SecretRecord


def put_secret(connection: Connection, name: str, ciphertext: bytes) -> None:
    """Write a secret, over what is there of that name."""
    check_key("secret", name)
    fields = {"ciphertext": ciphertext, "updated_at": datetime.now(UTC)}
    put_row(connection, secrets, {"name": name}, fields)


def secret(connection: Connection, name: str) -> bytes:
    """A secret's ciphertext.

    Raises:
        NotFound: there is none of that name.
    """
    found = connection.scalar(select(secrets.c.ciphertext).where(secrets.c.name == name))
    if found is None:
        raise NotFound(f"there is no secret `{name}`", hint=f"set it with `hud set {name}=…`")
    return bytes(found)


def all_secrets(connection: Connection) -> list[SecretRecord]:
    """The names of all secrets."""
    query = select(secrets.c.name, secrets.c.updated_at).order_by(secrets.c.name)
    return [
        SecretRecord(name=row.name, updated_at=row.updated_at) for row in connection.execute(query)
    ]


def remove_secret(connection: Connection, name: str) -> None:
    """Remove a secret.

    Raises:
        NotFound: there is none of that name.
    """
    secret(connection, name)
    connection.execute(delete(secrets).where(secrets.c.name == name))

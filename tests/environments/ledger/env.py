"""Books in SQLite: every tool opens the database, a scenario makes it anew."""

import sqlite3
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hud import Environment

env = Environment("ledger")
DATABASE = Path(tempfile.mkdtemp(prefix="ledger-")) / "ledger.db"
SCHEMA = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT UNIQUE, cents INTEGER NOT NULL);
CREATE TABLE transfers (id INTEGER PRIMARY KEY, source TEXT, target TEXT, cents INTEGER, memo TEXT);
"""


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(DATABASE)
    connection.row_factory = sqlite3.Row
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def rows(sql: str, *values: Any) -> list[dict[str, Any]]:
    with database() as connection:
        return [dict(row) for row in connection.execute(sql, values)]


@env.initialize
async def prepare() -> None:
    DATABASE.unlink(missing_ok=True)
    with database() as connection:
        connection.executescript(SCHEMA)


@env.shutdown
def forget() -> None:
    DATABASE.unlink(missing_ok=True)


@env.tool()
def list_accounts() -> list[dict[str, Any]]:
    """All accounts with their balances in cents."""
    return rows("SELECT * FROM accounts ORDER BY id")


@env.tool()
def balance(account: str) -> dict[str, Any]:
    """One account."""
    found = rows("SELECT * FROM accounts WHERE name = ?", account)
    if not found:
        raise ValueError(f"there is no account {account!r}")
    return found[0]


@env.tool()
def transfer(source: str, target: str, cents: int, memo: str | None = None) -> int:
    """Move money; returns the transfer's number."""
    if balance(source)["cents"] < cents:
        raise ValueError(f"{source} has not that much")
    balance(target)
    with database() as connection:
        move = "UPDATE accounts SET cents = cents + ? WHERE name = ?"
        connection.execute(move, (-cents, source))
        connection.execute(move, (cents, target))
        made = connection.execute(
            "INSERT INTO transfers (source, target, cents, memo) VALUES (?, ?, ?, ?)",
            (source, target, cents, memo),
        )
        return int(made.lastrowid or 0)


@env.tool()
def query(sql: str) -> list[dict[str, Any]]:
    """Read with SQL."""
    if not sql.lstrip().lower().startswith("select"):
        raise ValueError("only SELECT")
    return rows(sql)


def seed(accounts: dict[str, float]) -> None:
    with database() as connection:
        connection.execute("DELETE FROM accounts")
        connection.execute("DELETE FROM transfers")
        for name, amount in accounts.items():
            values = (name, round(amount * 100))
            connection.execute("INSERT INTO accounts (name, cents) VALUES (?, ?)", values)


@env.scenario(name="settle", description="Settle a debt.")
async def settle(
    accounts: dict[str, float], debtor: str, creditor: str, amount: float
) -> AsyncGenerator[Any, Any]:
    seed(accounts)
    yield f"{debtor} owes {creditor} {amount:.2f}. Settle it."
    found = rows("SELECT source, target, sum(cents) AS cents FROM transfers GROUP BY 1, 2")
    wanted = [{"source": debtor, "target": creditor, "cents": round(amount * 100)}]
    yield {"reward": float(found == wanted), "info": {"transfers": found}}


@env.scenario(name="total", returns=float)
async def total(accounts: dict[str, float] | None = None) -> AsyncGenerator[Any, Any]:
    seed(accounts or {"cash": 1.5, "bank": 20})
    answer = yield "How much is there altogether? Answer with a number."
    expected = sum(row["cents"] for row in rows("SELECT cents FROM accounts")) / 100
    yield float(answer is not None and abs(answer.content - expected) < 0.005)

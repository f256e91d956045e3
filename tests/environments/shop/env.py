"""A shop whose goods and orders are in PostgreSQL, which runs beside it in the container."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncGenerator
from typing import Any

import psycopg  # type: ignore[import-not-found]

from hud import Environment

env = Environment("The Shop")


def query(sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Run one statement; returns its rows."""
    with psycopg.connect("dbname=postgres") as connection:
        cursor = connection.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


@env.initialize
def start_database() -> None:
    """Start PostgreSQL and wait until it answers."""
    options = "-c listen_addresses= -c fsync=off"
    subprocess.run(
        ["pg_ctl", "start", "--wait", "--silent", "-o", options],
        stdout=subprocess.DEVNULL,
        check=True,
    )


@env.shutdown
def stop_database() -> None:
    subprocess.run(["pg_ctl", "stop", "--silent", "--mode=fast"], check=True)


@env.tool()
def search(text: str) -> list[dict[str, Any]]:
    """Find products by a part of their name."""
    rows = query("SELECT id, name, stock FROM products WHERE name LIKE %s", f"%{text}%")
    return [dict(zip(("id", "name", "stock"), row, strict=True)) for row in rows]


@env.tool()
def order(product: str, quantity: int = 1) -> int:
    """Order a product; returns the number of the order."""
    query("UPDATE products SET stock = stock - %s WHERE name = %s", quantity, product)
    rows = query(
        "INSERT INTO orders (product, quantity) SELECT id, %s FROM products WHERE name = %s"
        " RETURNING id",
        quantity,
        product,
    )
    return int(rows[0][0])


@env.scenario("checkout")
async def checkout(product: str) -> AsyncGenerator[Any, Any]:
    """Have one product ordered."""
    yield f"Order one {product}, and answer with the number of the order."

    ordered = query(
        "SELECT count(*), sum(quantity) FROM orders JOIN products ON products.id = orders.product"
        " WHERE products.name = %s",
        product,
    )
    stock = query("SELECT stock FROM products WHERE name = %s", product)
    yield 1.0 if ordered == [(1, 1)] and stock == [(2,)] else 0.0

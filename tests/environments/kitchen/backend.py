"""The kitchen itself: a FastAPI application that knows nothing of agents."""

from __future__ import annotations

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI(title="Kitchen")
stock: dict[str, int] = {}
orders: list[dict[str, str]] = []


class Order(BaseModel):
    """What a guest wants."""

    dish: str
    guest: str


@app.get("/health")
def health() -> dict[str, bool]:
    return {"ok": True}


@app.put("/stock")
def refill(goods: dict[str, int]) -> dict[str, int]:
    stock.clear()
    orders.clear()
    stock.update(goods)
    return stock


@app.get("/stock")
def whole_stock() -> dict[str, int]:
    return stock


@app.post("/orders", status_code=201)
def order(wanted: Order) -> dict[str, str]:
    if not stock.get(wanted.dish):
        raise HTTPException(409, f"{wanted.dish} is out")
    stock[wanted.dish] -= 1
    orders.append(wanted.model_dump())
    return orders[-1]


@app.get("/orders")
def all_orders() -> list[dict[str, str]]:
    return orders

"""A FastAPI service: every request has a budget, and one address tells how the budgets stand.

Run it with `fastapi run examples/fastapi_service.py` and open /latency.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import latency_kit
from latency_kit.budget import BudgetPolicy, LatencyBudget

POLICY = BudgetPolicy(
    (LatencyBudget(name="quote", component="shop", operation="quote", limit_ns=50_000_000, min_samples=10),)
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    with latency_kit.configure(service_name="quotes", budgets=POLICY) as app.state.telemetry:
        yield


app = FastAPI(lifespan=lifespan)


@latency_kit.measure_latency("shop", "load_price")
async def load_price(article: str) -> int:
    await asyncio.sleep(0.002)  # stands for a database
    return 3 * len(article)


@app.get("/quote/{article}")
@latency_kit.measure_latency("shop", "quote")
async def quote(article: str, amount: int = 1) -> dict[str, int]:
    return {"price": amount * await load_price(article)}


@app.get("/latency")
def latency() -> list[str]:
    return [evaluation.describe() for evaluation in app.state.telemetry.evaluate()]

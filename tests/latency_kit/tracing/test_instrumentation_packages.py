"""Instrumentation packages of others nest with measured calls, under the SDK's provider and under ours."""

import asyncio
import contextlib
import contextvars
import sqlite3
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")
pytest.importorskip("httpx", reason="comes with the extra 'dev'")
pytest.importorskip("opentelemetry.instrumentation.httpx", reason="comes with the extra 'dev'")
pytest.importorskip("opentelemetry.instrumentation.asgi", reason="comes with the extra 'dev'")
pytest.importorskip("opentelemetry.instrumentation.sqlite3", reason="comes with the extra 'dev'")

import httpx
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.trace import SpanKind, StatusCode

from latency_kit import measure_latency
from latency_kit.clock import SYSTEM_CLOCK
from latency_kit.configuration.activation import activated
from latency_kit.measurement.active import active
from latency_kit.measurement.spans import SpanMaker


def service(provider: Any, *, fails: bool) -> Any:
    """An ASGI application that asks a database inside a measured call."""

    @measure_latency("service", "answer")
    async def answer() -> int:
        if fails:
            raise LookupError("no answer")
        with contextlib.closing(sqlite3.connect(":memory:")) as plain:
            database = SQLite3Instrumentor.instrument_connection(plain, tracer_provider=provider)
            cursor = database.cursor()
            cursor.execute("SELECT 40 + 2")
            return int(cursor.fetchone()[0])

    async def application(scope: Any, receive: Any, send: Any) -> None:
        body = str(await answer()).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    instrumented = OpenTelemetryMiddleware(application, tracer_provider=provider)

    async def elsewhere(*arguments: Any) -> None:
        # As in a process of its own: only the headers carry the trace.
        loop = asyncio.get_running_loop()
        await loop.create_task(instrumented(*arguments), context=contextvars.Context())

    return elsewhere


@measure_latency("client", "ask")
async def ask(application: Any, provider: Any) -> str:
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        HTTPXClientInstrumentor.instrument_client(client, tracer_provider=provider)
        return str((await client.get("/answer")).text)


def test_a_call_is_one_trace_from_the_caller_through_client_server_and_database(traced: Any) -> None:
    with activated(clock=SYSTEM_CLOCK):
        active.span_maker = SpanMaker.of_provider(traced.provider)
        assert asyncio.run(ask(service(traced.provider, fails=False), traced.provider)) == "42"
    check_the_way(traced.exporter.get_finished_spans())


def test_it_is_where_call_sites_make_their_spans_by_themselves(kit: Any) -> None:
    assert asyncio.run(ask(service(kit.provider, fails=False), kit.provider)) == "42"
    assert kit.spans
    check_the_way(kit.sent)


def check_the_way(spans: Any) -> None:
    by_id = {span.context.span_id: span for span in spans}
    (query,) = [span for span in spans if span.name == "SELECT"]
    way, span = [], query
    while span is not None:
        way.append((span.name, span.kind))
        span = by_id[span.parent.span_id] if span.parent is not None else None
    assert way == [
        ("SELECT", SpanKind.CLIENT),
        ("service.answer", SpanKind.INTERNAL),
        ("GET /answer", SpanKind.SERVER),
        ("GET", SpanKind.CLIENT),
        ("client.ask", SpanKind.INTERNAL),
    ]
    assert len({span.context.trace_id for span in spans}) == 1
    server = by_id[by_id[query.parent.span_id].parent.span_id]
    assert server.parent.is_remote
    assert "db.statement" in query.attributes or "db.query.text" in query.attributes
    # What the ASGI package adds of its own (one span for each message sent) is below the server's span.
    others = [span for span in spans if span.name not in dict(way)]
    assert {by_id[span.parent.span_id].name for span in others} <= {"GET /answer"}


def test_an_error_in_the_service_is_seen_on_every_span_above_it(traced: Any) -> None:
    with activated(clock=SYSTEM_CLOCK):
        active.span_maker = SpanMaker.of_provider(traced.provider)
        asking = ask(service(traced.provider, fails=True), traced.provider)
        with pytest.raises(LookupError):
            asyncio.run(asking)
    failed = {name for name, span in traced.finished.items() if span.status.status_code is StatusCode.ERROR}
    assert {"service.answer", "GET /answer", "GET", "client.ask"} <= failed

"""Notices reach every sink in order, and nobody waits for one or falls by one."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the extra otlp")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from latency_kit.budget import AlertNotice, Alerts, NoticeKind, Webhook, log_alert, span_alert
from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.spans import SpanMaker

S = 1_000_000_000
WAIT_S = 10.0


def notice(number: int = 0, **fields: Any) -> AlertNotice:
    given: dict[str, Any] = {
        "kind": NoticeKind.FIRED,
        "subject": "objective",
        "name": "answers",
        "alert": "page",
        "severity": "page",
        "measures": "llm.answer",
        "at_unix_nano": 1_767_225_600 * S + number,
        "since_unix_nano": 1_767_225_600 * S,
        "message": "objective 'answers' burns its error budget too fast",
        "figures": {"burn_rate_1h": 20.5},
    }
    return AlertNotice(**(given | fields))


def test_every_sink_gets_every_notice_in_order() -> None:
    first: list[AlertNotice] = []
    second: list[AlertNotice] = []
    alerts = Alerts([first.append, second.append])
    sent = [notice(number) for number in range(50)]
    for one in sent:
        alerts.tell(one)
    assert alerts.flush(WAIT_S)
    assert first == second == sent
    assert alerts.shutdown(WAIT_S)


def test_a_stuck_sink_delays_neither_the_program_nor_the_others() -> None:
    release = threading.Event()
    seen: list[AlertNotice] = []
    losses = Losses()

    def stuck(_: AlertNotice) -> None:
        release.wait(WAIT_S)

    alerts = Alerts([stuck, seen.append], losses=losses, capacity=3)
    started = time.perf_counter()
    for number in range(10):
        alerts.tell(notice(number))
        deadline = time.monotonic() + WAIT_S
        while len(seen) <= number and time.monotonic() < deadline:
            time.sleep(0.001)
    assert time.perf_counter() - started < WAIT_S
    assert len(seen) == 10
    # One is with the sink, three wait, six were dropped.
    assert losses.counts() == {"alerts_dropped": 6}
    assert not alerts.flush(0.01)
    assert not alerts.shutdown(0.01)
    assert losses.counts() == {"alerts_dropped": 9}
    release.set()
    alerts.tell(notice())
    assert losses.counts()["alerts_dropped"] == 11


def test_a_sink_that_raises_is_counted_and_told_of_the_next() -> None:
    losses = Losses()
    seen: list[AlertNotice] = []

    def broken(one: AlertNotice) -> None:
        seen.append(one)
        raise RuntimeError("no")

    alerts = Alerts([broken], losses=losses)
    alerts.tell(notice(1))
    alerts.tell(notice(2))
    assert alerts.shutdown(WAIT_S)
    assert len(seen) == 2
    assert losses.counts() == {"alerts_failed": 2}


def test_a_thread_runs_only_while_there_is_something_to_tell() -> None:
    release = threading.Event()
    alerts = Alerts([lambda _: release.wait(WAIT_S)])
    (outlet,) = alerts._outlets
    for _ in range(2):
        assert outlet._thread is None
        alerts.tell(notice())
        thread = outlet._thread
        assert thread is not None
        assert thread.daemon
        release.set()
        assert alerts.flush(WAIT_S)
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert alerts.shutdown(WAIT_S)


def test_after_a_fork_the_queues_are_empty() -> None:
    seen: list[AlertNotice] = []
    alerts = Alerts([seen.append])
    alerts.renew_after_fork()
    alerts.tell(notice())
    assert alerts.shutdown(WAIT_S)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Alerts([], capacity=0), "capacity must be at least 1 notice"),
        (lambda: Alerts([5]), "an alert sink is called with an AlertNotice, got 5"),  # type: ignore[list-item]
        (lambda: Webhook("ftp://example.org"), "a webhook needs a URL such as"),
        (lambda: Webhook("https://"), "a webhook needs a URL such as"),
        (lambda: Webhook("http://x", timeout_s=0), "timeout_s must be greater than 0"),
        (lambda: Webhook("http://x", attempts=0), "attempts must be at least 1"),
    ],
)
def test_wrong_use_is_refused_at_construction(build: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build()


def test_the_log_has_the_sentence_and_the_data(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "latency_kit.budget")
    log_alert(notice(trace_id=0xAB, span_id=1))
    log_alert(notice(kind=NoticeKind.RECOVERED, message="over"))
    log_alert(notice(kind=NoticeKind.NO_DATA, message="out of sight"))
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"objective 'answers' burns its error budget too fast [trace {0xAB:032x}]"),
        ("INFO", "over"),
        ("WARNING", "out of sight"),
    ]
    assert caplog.records[0].alert["key"] == "objective/answers/page"  # type: ignore[attr-defined]


@pytest.fixture
def spans() -> Iterator[tuple[TracerProvider, InMemorySpanExporter]]:
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    before = active.span_maker
    active.span_maker = SpanMaker.of_provider(provider)
    yield provider, exporter
    active.span_maker = before
    provider.shutdown()


def test_the_trace_of_the_breaching_call_holds_the_alert(
    spans: tuple[TracerProvider, InMemorySpanExporter],
) -> None:
    provider, exporter = spans
    call = provider.get_tracer("test").start_span("llm.answer")
    call.end()
    context = call.get_span_context()
    span_alert(notice(trace_id=context.trace_id, span_id=context.span_id))
    of_call, of_alert = exporter.get_finished_spans()
    assert of_alert.name == "latency_kit.budget.alert"
    assert of_alert.context is not None
    assert of_alert.context.trace_id == context.trace_id
    assert of_alert.parent is not None
    assert of_alert.parent.span_id == context.span_id == of_call.context.span_id  # type: ignore[union-attr]
    assert of_alert.attributes == {
        "latency.alert.key": "objective/answers/page",
        "latency.alert.kind": "fired",
    }
    (event,) = of_alert.events
    assert event.name == "latency.budget.alert"
    assert event.attributes is not None
    assert event.attributes["latency.alert.burn_rate_1h"] == 20.5
    assert event.attributes["latency.alert.message"] == notice().message
    assert event.timestamp == of_alert.start_time == of_alert.end_time


def test_a_notice_without_a_trace_makes_no_span(spans: tuple[TracerProvider, InMemorySpanExporter]) -> None:
    span_alert(notice())
    assert spans[1].get_finished_spans() == ()


class Receiver(BaseHTTPRequestHandler):
    """Answers with the next status of a list, then with 204, and keeps what it was sent."""

    answers: ClassVar[list[int]] = []
    received: ClassVar[list[tuple[Mapping[str, str], Any]]] = []
    stalls_until: ClassVar[threading.Event | None] = None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((dict(self.headers), json.loads(body)))
        if self.stalls_until is not None:
            self.stalls_until.wait(WAIT_S)
        status = self.answers.pop(0) if self.answers else 204
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def receiver(
    answers: list[int], *, stalls_until: threading.Event | None = None
) -> Iterator[tuple[str, list[tuple[Mapping[str, str], Any]]]]:
    kind = type(
        "OneReceiver", (Receiver,), {"answers": answers, "received": [], "stalls_until": stalls_until}
    )
    server: HTTPServer = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/alerts", kind.received
    finally:
        if stalls_until is not None:
            stalls_until.set()
        server.shutdown()
        server.server_close()
        thread.join(WAIT_S)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def test_a_webhook_posts_the_notice_as_json() -> None:
    with receiver([]) as (url, received):
        alerts = Alerts([Webhook(url, headers={"Authorization": "Bearer x"})])
        alerts.tell(notice(trace_id=0xAB, span_id=0xC, owner="voice"))
        assert alerts.shutdown(WAIT_S)
    ((headers, body),) = received
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer x"
    assert headers["Idempotency-Key"] == "objective/answers/page/fired/1767225600000000000"
    assert body == {
        "key": "objective/answers/page",
        "kind": "fired",
        "subject": "objective",
        "name": "answers",
        "alert": "page",
        "severity": "page",
        "measures": "llm.answer",
        "at": "2026-01-01T00:00:00.000Z",
        "since": "2026-01-01T00:00:00.000Z",
        "message": "objective 'answers' burns its error budget too fast",
        "owner": "voice",
        "figures": {"burn_rate_1h": 20.5},
        "trace_id": f"{0xAB:032x}",
        "span_id": f"{0xC:016x}",
    }


def test_a_webhook_tries_again_what_may_succeed_later_under_the_same_key() -> None:
    pauses: list[float] = []
    with receiver([503, 429]) as (url, received):
        Webhook(url, pause=pauses.append)(notice())
    assert pauses == [0.5, 1.0]
    assert len(received) == 3
    assert len({headers["Idempotency-Key"] for headers, _ in received}) == 1


def test_a_webhook_gives_up_and_is_counted() -> None:
    pauses: list[float] = []
    losses = Losses()
    with receiver([500] * 9) as (url, received):
        alerts = Alerts([Webhook(url, attempts=2, pause=pauses.append)], losses=losses)
        alerts.tell(notice())
        assert alerts.shutdown(WAIT_S)
    assert len(received) == 2
    assert losses.counts() == {"alerts_failed": 1}


def test_a_webhook_does_not_insist_where_it_is_refused_for_good() -> None:
    pauses: list[float] = []
    with receiver([404]) as (url, received), pytest.raises(OSError, match="404"):
        Webhook(url, pause=pauses.append)(notice())
    assert (len(received), pauses) == (1, [])


def test_a_webhook_that_nobody_answers_ends_with_its_time_limit() -> None:
    release = threading.Event()
    with receiver([], stalls_until=release) as (url, received):
        with pytest.raises(OSError, match="timed out"):
            Webhook(url, timeout_s=0.05, attempts=1)(notice())
        release.set()
    assert len(received) == 1


def test_a_webhook_where_nobody_listens_raises_for_the_count() -> None:
    with receiver([]) as (url, _):
        pass
    with pytest.raises(OSError, match="refused"):
        Webhook(url, attempts=2, pause=lambda _: None)(notice())


def test_a_dead_webhook_does_not_delay_the_telling() -> None:
    release = threading.Event()
    with receiver([], stalls_until=release) as (url, _):
        alerts = Alerts([Webhook(url)])
        started = time.perf_counter()
        for number in range(10):
            alerts.tell(notice(number))
        assert time.perf_counter() - started < 1
        release.set()
        assert alerts.shutdown(WAIT_S)

"""`flush` and `shutdown` keep their time limit, whatever their parts do."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

import latency_kit
from latency_kit.configuration.exports import Exports
from latency_kit.configuration.telemetry import Telemetry


class SlowPart:
    """Takes all the time that it is given, as an exporter with a silent collector does."""

    def __init__(self) -> None:
        self.given_s: list[float] = []

    def flush(self, timeout_s: float) -> bool:
        self.given_s.append(timeout_s)
        threading.Event().wait(timeout_s)
        return False

    shutdown = flush

    def losses(self) -> Mapping[str, int]:
        return {}


@pytest.fixture
def slow() -> Iterator[tuple[Telemetry, Sequence[SlowPart]]]:
    with latency_kit.configure() as telemetry:
        parts = (SlowPart(), SlowPart(), SlowPart())
        telemetry._parts = parts
        yield telemetry, parts
        telemetry.shutdown(timeout_s=0)


@pytest.mark.parametrize("what", ["flush", "shutdown"])
def test_all_parts_share_one_time_limit(slow: tuple[Telemetry, Sequence[SlowPart]], what: str) -> None:
    telemetry, parts = slow
    began_s = time.monotonic()
    assert not getattr(telemetry, what)(timeout_s=0.3)
    # Were each given the whole limit, it would be 0.9 s.
    assert time.monotonic() - began_s < 0.8
    assert parts[0].given_s[0] > 0.1
    assert [part.given_s[0] < 0.05 for part in parts] == [False, True, True]


def test_files_of_this_machine_come_before_the_network(tmp_path: Path) -> None:
    with latency_kit.configure(share=tmp_path / "share", hlog=tmp_path / "calls.hlog") as telemetry:
        names = [type(part).__name__ for part in telemetry._parts]
    assert names.index("SharePart") < names.index("Exports")
    assert names.index("IntervalLogPart") < names.index("Exports")


def test_whoever_shuts_down_meanwhile_waits_for_the_one_who_began() -> None:
    telemetry = latency_kit.configure()
    part = SlowPart()
    telemetry._parts = (part,)
    began = threading.Thread(target=telemetry.shutdown, kwargs={"timeout_s": 0.3})
    began.start()
    while not part.given_s:
        assert began.is_alive()
        threading.Event().wait(0.005)
    # The result is that of the one who began: its part did not end well.
    assert not telemetry.shutdown(timeout_s=30)
    assert not telemetry.shutdown(timeout_s=0)
    began.join(30)
    assert len(part.given_s) == 1
    assert telemetry.closed


def test_an_observer_that_is_stuck_does_not_hold_up_a_flush() -> None:
    stuck, go_on = threading.Event(), threading.Event()

    def observe(measurements: object) -> None:
        stuck.set()
        go_on.wait(60)

    with latency_kit.configure(observers=[observe], drain_interval_s=0.01) as telemetry:
        with latency_kit.measure_latency("a", "b"):
            pass
        assert stuck.wait(30)
        began_s = time.monotonic()
        assert not telemetry.flush(timeout_s=0.1)
        assert time.monotonic() - began_s < 5
        # Histograms do not wait for observers.
        assert telemetry.snapshot()[0].histogram.count == 1
        go_on.set()


def test_traces_and_metrics_share_what_the_exports_are_given() -> None:
    traces, metrics = SlowExport(), SlowExport()
    exports = Exports(traces=traces, metrics=metrics)  # type: ignore[arg-type]  # it takes time, as they may
    assert not exports.flush(0.2)
    assert not exports.shutdown(0.2)
    assert [given_s > 0.1 for given_s in traces.given_s] == [True, True]
    assert [given_s < 0.05 for given_s in metrics.given_s] == [True, True]


class SlowExport(SlowPart):
    """What traces and metrics have in common, and how each calls its flush."""

    force_flush = SlowPart.flush

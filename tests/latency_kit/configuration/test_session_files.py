"""`configure(session=...)` writes the whole run at its end; `save_session` writes one at any time."""

from pathlib import Path

import pytest

import latency_kit
from latency_kit.baseline import read_session
from latency_kit.errors import ConfigurationError, UsageError


def work() -> None:
    with latency_kit.measure_latency("shop", "order"), latency_kit.measure_latency("shop", "price"):
        pass


def test_the_session_file_is_there_after_the_end_with_series_intervals_and_traces(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.sdk")
    path = tmp_path / "run.json"
    with latency_kit.configure(service_name="shop", session=path, end_to_end="shop.order"):
        for _ in range(20):
            work()
    session = read_session(path).session
    assert (session.title, session.end_to_end) == ("shop", "shop.order")
    assert session.durations("shop.price").count == 20
    assert sum(one.durations["shop.price"].count for one in session.intervals if one.durations) == 20
    assert len(session.traces) == 12
    assert [span.name for span in session.traces[0].spans] == ["shop.order", "shop.price"]
    assert len(session.accounts) == 20
    assert list(session.accounts[0].stages_ns) == ["shop.price"]


def test_a_session_can_be_saved_at_any_time_with_what_was_recorded_so_far(tmp_path: Path) -> None:
    with latency_kit.configure(service_name="shop") as telemetry:
        work()
        path = telemetry.save_session(tmp_path / "now.json", title="so far", facts={"machine": "mine"})
        work()
    session = read_session(path).session
    assert (session.title, session.durations("shop.order").count) == ("so far", 1)
    assert session.facts == {"machine": "mine"}
    assert session.intervals == ()


def test_saved_while_the_run_goes_on_the_file_of_the_configuration_is_replaced_at_the_end(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.json"
    with latency_kit.configure(session=path) as telemetry:
        work()
        assert telemetry.save_session() == path
        assert read_session(path).session.durations("shop.order").count == 1
        work()
    assert read_session(path).session.durations("shop.order").count == 2


def test_calls_make_no_spans_where_the_program_says_so(tmp_path: Path) -> None:
    with latency_kit.configure(session=tmp_path / "run.json", spans=False) as telemetry:
        work()
        assert telemetry.session().traces == ()
        assert [one.trace_id for one in telemetry.recent()] == [None, None]


def test_without_a_path_there_is_nothing_to_save_to() -> None:
    with latency_kit.configure() as telemetry, pytest.raises(UsageError, match="needs a path"):
        telemetry.save_session()


def test_a_directory_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a directory"):
        latency_kit.configure(session=tmp_path)


def test_what_cannot_be_written_at_the_end_is_counted_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    telemetry = latency_kit.configure(session=tmp_path / "file" / "run.json")
    work()
    assert not telemetry.shutdown()
    assert telemetry.losses()["session_files_failed"] == 1
    assert "could not be written" in caplog.text

"""A session file gives back the session that was written, and refuses everything else with a reason."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from latency_kit.baseline import MAX_RAW_DURATIONS, Commit, StoredSession, read_session, write_session
from latency_kit.baseline.session_data import session_to_data
from latency_kit.budget import Allotment, BudgetPolicy, FailureRule, LatencyBudget, evaluate
from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.histogram import decode_base64
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.series import Exemplar, SeriesSnapshot
from latency_kit.session import (
    Environment,
    KeptTrace,
    Session,
    SessionInterval,
    SpanRecord,
    TurnAccount,
)

MS = 1_000_000


@pytest.fixture
def full(machine: Environment, make_series: Callable[..., SeriesSnapshot]) -> StoredSession:
    """A stored session in which nothing is empty."""
    values = [1200 * MS, 1210 * MS + 1, 1190 * MS, 4000 * MS]
    good = make_series("llm.generate", values)
    traced = SeriesSnapshot(
        component=good.component,
        operation=good.operation,
        outcome=good.outcome,
        attributes={"model": "small", "sizes": (1, 2)},
        histogram=good.histogram,
        start_unix_nano=good.start_unix_nano,
        exemplars=(Exemplar(value_ns=4000 * MS, unix_nano=good.start_unix_nano, trace_id=2**127, span_id=7),),
    )
    series = (traced, make_series("llm.generate", [5 * MS], outcome=Outcome.ERROR), make_series("a.b", [0]))
    policy = BudgetPolicy(
        budgets=(
            LatencyBudget(
                name="answer",
                component="llm",
                operation="generate",
                limit_ns=3000 * MS,
                percentile=50,
                min_samples=1,
                failures=FailureRule.BY_DURATION,
                window_ns=60 * 10**9,
                description="the answer",
                owner="a person",
                allotments=(
                    Allotment(
                        budget=LatencyBudget(name="part", component="x", operation="y", limit_ns=MS),
                        optional=True,
                    ),
                ),
            ),
        )
    )
    session = Session(
        title="a run \N{EN DASH} with all",
        start_unix_nano=10**18,
        end_unix_nano=10**18 + 1,
        environment=machine,
        series=series,
        evaluations=evaluate(policy, series),
        end_to_end="llm.generate",
        outcomes={"completed": 3, "failed": 1},
        accounts=(TurnAccount(end_to_end_ns=10, stages_ns={"b": 3, "a": 5}, rest_ns=2),),
        facts={"display": "none"},
        losses={"queue full": 2},
        blocking_calls={"time.sleep": 12 * MS},
        intervals=(
            SessionInterval(
                start_unix_nano=10**18, end_unix_nano=10**18 + 1, durations={"llm.generate": good.histogram}
            ),
        ),
        traces=(
            KeptTrace(
                trace_id=2**127,
                explained_id=7,
                spans=(
                    SpanRecord(name="llm.generate", span_id=7, start_ns=10**18, end_ns=10**18 + 9),
                    SpanRecord(
                        name="llm.prompt",
                        span_id=2**63,
                        parent_id=7,
                        start_ns=10**18 + 1,
                        end_ns=10**18 + 4,
                        attributes={"sizes": (1, 2), "half": "\ud800"},
                        links=(7,),
                        outcome=Outcome.CANCELLED,
                    ),
                ),
                left_out=3,
            ),
        ),
        left_out={"traces": 5},
    )
    return StoredSession(
        session=session,
        commit=Commit(id="b" * 40, is_modified=True, branch="main"),
        conditions={"instrument": "latency-kit"},
        durations_ns={"llm.generate": tuple(values)},
    )


@pytest.fixture
def path(full: StoredSession, tmp_path: Path) -> Path:
    target = tmp_path / "folder" / "run.json"
    write_session(full, target)
    return target


def rewritten(path: Path, change: Callable[[dict[str, Any]], object], *, checksum: bool = True) -> Path:
    """Change the document; with a new checksum, as a tool would that means to."""
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    if checksum:
        canonical = json.dumps(document["session"], sort_keys=True, separators=(",", ":"))
        document["checksum"] = f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_what_is_read_equals_what_was_written(full: StoredSession, path: Path) -> None:
    found = read_session(path)
    assert found == full
    assert list(found.session.accounts[0].stages_ns) == ["b", "a"]


def test_every_field_of_a_session_is_in_its_file(full: StoredSession) -> None:
    """A field that a session gains and its file forgets would be lost silently."""
    data = session_to_data(full)
    assert {one.name for one in fields(Session)} <= data.keys()
    assert {one.name for one in fields(Environment)} == data["environment"].keys()
    assert {one.name for one in fields(StoredSession)} - {"session"} <= data.keys()


def test_counts_are_v2_base64_that_other_tools_read_with_exact_figures_beside(
    full: StoredSession, path: Path
) -> None:
    entry = json.loads(path.read_text(encoding="utf-8"))["session"]["series"][0]["histogram"]
    assert decode_base64(entry["v2"]).has_same_counts(full.session.series[0].histogram)
    assert (entry["count"], entry["min_ns"], entry["max_ns"]) == (4, 1190 * MS, 4000 * MS)
    assert entry["sum_ns"] == 7600 * MS + 1


def test_nothing_but_the_file_is_left_in_the_folder(path: Path) -> None:
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("share", [0.001, 0.2, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused_as_such(path: Path, share: float) -> None:
    text = path.read_text(encoding="utf-8").rstrip()
    path.write_text(text[: max(1, int(len(text) * share))], encoding="utf-8")
    with pytest.raises(CorruptDataError, match=r"run\.json: is cut short .*measure again"):
        read_session(path)


def test_an_empty_file_is_refused(path: Path) -> None:
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(CorruptDataError, match="is empty"):
        read_session(path)


def test_a_newer_version_is_refused_with_both_versions(path: Path) -> None:
    rewritten(path, lambda document: document.update(version=3))
    with pytest.raises(CorruptDataError, match=r"of version 3, this latency_kit reads up to 2; update"):
        read_session(path)


@pytest.mark.parametrize("version", [0, "1", None, 1.0, True])
def test_a_version_that_is_none_is_refused(path: Path, version: object) -> None:
    rewritten(path, lambda document: document.update(version=version))
    with pytest.raises(CorruptDataError, match="version must be a whole number from 1"):
        read_session(path)


def test_a_figure_changed_by_hand_is_refused(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("4000000000") >= 2
    path.write_text(text.replace("4000000000", "2000000000", 1), encoding="utf-8")
    with pytest.raises(CorruptDataError, match="was changed after it was written"):
        read_session(path)


def test_a_file_laid_out_anew_is_read(full: StoredSession, path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document, indent=8, sort_keys=True, ensure_ascii=True), encoding="utf-8")
    assert read_session(path) == full


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "else"}', "3", '"latency-kit session"'])
def test_other_json_is_refused(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorruptDataError, match='is no session file: it does not say "format"'):
        read_session(path)


def test_what_is_no_json_or_no_text_is_refused(path: Path) -> None:
    path.write_text("{'format': 1, }", encoding="utf-8")
    with pytest.raises(CorruptDataError, match=r"is not JSON .* line 1, column 2"):
        read_session(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorruptDataError, match="is not UTF-8"):
        read_session(path)
    path.write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(CorruptDataError, match=r"nested too deeply|is cut short"):
        read_session(path)


def test_an_absent_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.json: cannot be read: No such file"):
        read_session(tmp_path / "absent.json")
    with pytest.raises(UsageError, match="cannot be read"):
        read_session(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data.update(unit="us"), "its durations are in 'us', this latency_kit reads 'ns'"),
        (lambda data: data.pop("title"), "KeyError: 'title'"),
        (lambda data: data.update(title=3), "expected str, got 3"),
        (lambda data: data.update(series="x"), "TypeError"),
        (lambda data: data["series"][0]["histogram"].update(count=5), "counts 4 values, .* says 5"),
        (lambda data: data["series"][0]["histogram"].update(max_ns=1), "max_ns=1 is not of these values"),
        (lambda data: data["series"][0]["histogram"].update(v2="HIST"), "encoded histogram"),
        (lambda data: data["series"][0].update(outcome="fine"), "'fine' is not a valid Outcome"),
        (lambda data: data["environment"].update(colour="red"), "colour"),
        (lambda data: data["durations_ns"].update({"no.such": [1]}), "no such series"),
        (lambda data: data["durations_ns"].update({"a.b": [True]}), "expected int, got True"),
        (lambda data: data["evaluations"][0].update(budget="other"), "there is no budget 'other'"),
        (lambda data: data["budgets"][0].update(limit_ns=-1), "limit_ns must be greater than 0"),
        (lambda data: data.update(end_unix_nano=1), "must not end before it starts"),
        (lambda data: data["accounts"][0].update(rest_ns=9), "must add up"),
    ],
)
def test_a_session_that_is_none_is_refused_with_the_reason(
    path: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    rewritten(path, lambda document: change(document["session"]))
    with pytest.raises(CorruptDataError, match=f"run.json: the session in it cannot be read: .*{reason}"):
        read_session(path)


def test_a_place_that_cannot_be_written_is_refused_and_left_clean(
    full: StoredSession, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be written"):
        write_session(full, blocked / "run.json")
    (tmp_path / "taken.json").mkdir()
    with pytest.raises(UsageError, match=r"taken\.json: cannot be written"):
        write_session(full, tmp_path / "taken.json")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "taken.json"]


def test_durations_are_of_recorded_series_and_few(stored: Callable[..., StoredSession]) -> None:
    session = stored({"a.b": [1]}).session
    with pytest.raises(UsageError, match=r"durations are given of 'a\.c'"):
        StoredSession(session=session, durations_ns={"a.c": (1,)})
    with pytest.raises(UsageError, match=r"10001 durations of 'a.b' are more than the 10000"):
        StoredSession(session=session, durations_ns={"a.b": (1,) * (MAX_RAW_DURATIONS + 1)})


def test_the_mappings_of_a_stored_session_never_change(stored: Callable[..., StoredSession]) -> None:
    conditions = {"instrument": "x"}
    found = stored({"a.b": [1]}, conditions=conditions)
    conditions["instrument"] = "y"
    assert found.conditions == {"instrument": "x"}
    with pytest.raises(TypeError):
        found.durations_ns["a.b"] = (1,)  # type: ignore[index]


def test_histograms_are_of_calls_that_ended_well(full: StoredSession) -> None:
    assert {name: one.count for name, one in full.histograms().items()} == {"llm.generate": 4, "a.b": 1}


def test_a_file_of_version_1_is_read_as_a_session_without_intervals_and_traces(path: Path) -> None:
    def older(document: dict[str, Any]) -> None:
        document["version"] = 1
        for since_then in ("intervals", "traces", "left_out"):
            del document["session"][since_then]

    session = read_session(rewritten(path, older)).session
    assert (session.intervals, session.traces, dict(session.left_out)) == ((), (), {})
    assert session.series

"""Baselines have names in a folder; a trend follows a percentile over all sessions of one."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from latency_kit.baseline import BaselineStore, StoredSession, follow, sessions_in, write_session
from latency_kit.errors import CorruptDataError, UsageError

Make = Callable[..., StoredSession]
MS = 1_000_000


@pytest.fixture
def store(tmp_path: Path) -> BaselineStore:
    return BaselineStore(tmp_path / "baselines")


def test_what_is_saved_is_loaded(store: BaselineStore, stored: Make) -> None:
    session = stored({"a.b": [1, 2]})
    path = store.save(session, "main")
    assert path == store.folder / "main.json"
    assert store.load("main") == store.find("main") == store.find(str(path)) == session


def test_a_baseline_is_replaced_only_when_asked(store: BaselineStore, stored: Make) -> None:
    first, second = stored({"a.b": [1]}), stored({"a.b": [2]})
    store.save(first, "main")
    with pytest.raises(UsageError, match="there is already a baseline 'main'"):
        store.save(second, "main")
    assert store.load("main") == first
    store.save(second, "main", replace=True)
    assert store.load("main") == second


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "x" * 101, "a\n"])
def test_names_that_are_no_file_names_everywhere_are_refused(store: BaselineStore, name: str) -> None:
    with pytest.raises(UsageError, match="a baseline's name must be"):
        store.path_of(name)


def test_an_absent_baseline_is_refused_with_those_there_are(store: BaselineStore, stored: Make) -> None:
    with pytest.raises(UsageError, match=r"there is no baseline 'main' in .*; it has: none"):
        store.load("main")
    store.save(stored({"a.b": [1]}), "old")
    with pytest.raises(UsageError, match="it has: old"):
        store.find("main")
    with pytest.raises(UsageError, match=r"no/such\.json: cannot be read"):
        store.find("no/such.json")


def test_a_file_that_cannot_be_read_is_listed_with_the_reason(store: BaselineStore, stored: Make) -> None:
    store.save(stored({"a.b": [1]}), "good")
    (store.folder / "bad.json").write_text("{", encoding="utf-8")
    (store.folder / ".bad.json.12").write_text("being written", encoding="utf-8")
    (store.folder / "notes.txt").write_text("no session", encoding="utf-8")
    bad, good = store.found()
    assert (bad.name, bad.stored) == ("bad", None)
    assert "is cut short" in bad.refusal
    assert (good.name, good.refusal) == ("good", "")
    assert good.stored is not None
    with pytest.raises(CorruptDataError):
        store.load("bad")


def history(stored: Make, levels: list[float]) -> list[tuple[str, StoredSession]]:
    source = random.Random(3)  # noqa: S311  # statistics, not secrets
    return [
        (
            f"run-{day}",
            stored(
                {"a.b": [round(level * source.uniform(0.95, 1.05) * MS) for _ in range(100)]},
                day=day,
                commit=f"{day:040x}",
            ),
        )
        for day, level in enumerate(levels)
    ]


def test_a_trend_goes_by_time_and_marks_the_session_that_changed_the_level(stored: Make) -> None:
    sessions = history(stored, [10.0] * 8 + [12.0] * 7)
    trend = follow(reversed(sessions), percentile=90)
    (series,) = trend.series
    assert [point.session for point in series.points] == [f"run-{day}" for day in range(15)]
    (change,) = series.changes
    assert series.points[change.index].session == "run-8"
    assert change.before == pytest.approx(10.4 * MS, rel=0.01)
    assert change.after == pytest.approx(12.5 * MS, rel=0.01)
    assert series.is_slower


def test_what_became_faster_or_stayed_is_not_slower(stored: Make) -> None:
    assert not follow(history(stored, [12.0] * 8 + [10.0] * 7)).series[0].is_slower
    steady = follow(history(stored, [10.0] * 15)).series[0]
    assert not steady.changes
    assert not steady.is_slower


def test_sessions_that_the_newest_cannot_be_compared_with_are_left_out(stored: Make) -> None:
    other = ("elsewhere", stored({"a.b": [5 * MS]}, cores=64, day=-1))
    sessions = [other, *history(stored, [10.0, 10.0])]
    trend = follow(sessions)
    assert [point.session for point in trend.series[0].points] == ["run-0", "run-1"]
    ((called, forbidding),) = trend.left_out
    assert (called, [str(one) for one in forbidding]) == ("elsewhere", ["cores: 64 against 4"])
    assert len(follow(sessions, allow_different=True).series[0].points) == 3


def test_a_trend_without_sessions_is_refused(tmp_path: Path) -> None:
    assert list(sessions_in(tmp_path / "absent")) == []
    with pytest.raises(UsageError, match="a trend needs sessions"):
        follow([])


def test_a_folder_of_sessions_is_read_by_name(tmp_path: Path, stored: Make) -> None:
    for name in ("b", "a"):
        write_session(stored({"a.b": [1]}), tmp_path / f"{name}.json")
    assert [one.name for one in sessions_in(tmp_path)] == ["a", "b"]

"""A profile is kept whole in its file, which refuses what it is not; two of a kind can be compared."""

import json
from pathlib import Path

import pytest

from latency_kit import CorruptDataError, UsageError
from latency_kit.profiling import (
    Profile,
    ProfiledCall,
    ProfileEntry,
    ProfileKind,
    compare_profiles,
    load_profile,
)
from latency_kit.profiling.profile_file import save_files
from latency_kit.profiling.stack_entries import entries_of
from latency_kit.profiling.stacks import Frame


def entry(name: str, own: int, *, line: int = 1, category: str = "computes", count: int = 1) -> ProfileEntry:
    return ProfileEntry(
        name=name, file="shop.py", line=line, category=category, count=count, own=own, total=own
    )


def profile(*entries: ProfileEntry, kind: ProfileKind = ProfileKind.FUNCTIONS) -> Profile:
    return Profile(
        kind=kind,
        title="shop.load",
        start_unix_nano=1,
        duration_ns=100,
        entries=entries,
        calls=(
            ProfiledCall(name="shop.load", start_unix_nano=1, duration_ns=9, outcome="ok", trace_id="ab"),
        ),
        facts={"profiler": "by hand"},
    )


def test_what_is_saved_is_read_back_whole(tmp_path: Path) -> None:
    kept = profile(entry("load", 5), entry("sort", 3, category="waits"))
    path, other = save_files(kept, tmp_path / "new", {".txt": b"beside"})
    assert (path.name, other.read_bytes()) == ("functions-shop.load.profile.json", b"beside")
    assert load_profile(path) == kept


def test_no_file_is_ever_overwritten(tmp_path: Path) -> None:
    first = save_files(profile(entry("load", 5)), tmp_path, {".txt": b"1"})
    second = save_files(profile(entry("load", 6)), tmp_path, {".txt": b"2"})
    assert [path.name for path in second] == [
        "functions-shop.load-2.profile.json",
        "functions-shop.load-2.txt",
    ]
    assert first[1].read_bytes() == b"1"


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="give another folder"):
        save_files(profile(), tmp_path / "file", {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-20], "no profile, or was cut short"),
        (lambda _: "[]", "no profile of latency-kit"),
        (lambda text: text.replace('"version": 1', '"version": 2'), "use a newer one"),
        (lambda text: text.replace('"own": 5', '"own": "many"'), "own must be a whole number"),
        (lambda text: text.replace('"kind": "functions"', '"kind": "dreams"'), "dreams"),
        (lambda text: text.replace('"duration_ns": 100,', ""), "duration_ns"),
    ],
)
def test_a_file_that_is_damaged_is_refused(change: object, message: str, tmp_path: Path) -> None:
    assert callable(change)
    (path,) = save_files(profile(entry("load", 5)), tmp_path, {})
    path.write_text(change(path.read_text()))
    with pytest.raises(CorruptDataError, match=message):
        load_profile(path)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_profile(tmp_path / "none.profile.json")


def test_changes_are_matched_by_function_and_the_greatest_come_first() -> None:
    before = profile(entry("load", 50, line=3), entry("load", 10, line=4), entry("gone", 7))
    after = profile(entry("load", 20, line=9), entry("new", 5), entry("same", 0))
    compared = compare_profiles(before, after)
    found = [(one.name, one.before, one.after, one.change) for one in compared.changes]
    assert found == [("load", 60, 20, -40), ("gone", 7, 0, -7), ("new", 0, 5, 5), ("same", 0, 0, 0)]


def test_profiles_of_two_kinds_are_refused_with_both_sides_named() -> None:
    with pytest.raises(UsageError, match=r"functions \(shop.load\).*memory \(shop.load\)"):
        compare_profiles(profile(), profile(kind=ProfileKind.MEMORY))


def test_recursion_is_counted_once_in_a_total() -> None:
    outer, inner = Frame("shop.walk", "shop.py", 1), Frame("shop.leaf", "shop.py", 9)
    found = {
        one.name: one
        for one in entries_of(
            [((outer, outer, inner), 10, 2), ((outer,), 5, 1)], category="computes", by_line=False
        )
    }
    assert (found["shop.walk"].own, found["shop.walk"].total, found["shop.walk"].count) == (5, 15, 1)
    assert (found["shop.leaf"].own, found["shop.leaf"].total, found["shop.leaf"].count) == (10, 10, 2)


def test_the_file_is_json_that_says_what_it_is(tmp_path: Path) -> None:
    (path,) = save_files(profile(entry("load", 5)), tmp_path, {})
    data = json.loads(path.read_text())
    assert (data["format"], data["version"], data["unit"]) == ("latency-kit profile", 1, "ns")

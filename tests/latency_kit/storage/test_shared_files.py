"""Processes share series through a directory: exact, bounded, and honest about who was killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latency_kit import (
    ConfigurationError,
    CorruptDataError,
    ProcessState,
    SeriesSnapshot,
    UsageError,
    merge_processes,
)
from latency_kit.process_identity import instance_id
from latency_kit.storage import SharedFile
from latency_kit.storage.shared_archive import archive_ended
from latency_kit.storage.shared_reader import ARCHIVE_NAME

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="locks tell who lives on POSIX only")

BuildSeries = Callable[..., SeriesSnapshot]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "share"


def shared(directory: Path, *series: SeriesSnapshot, has_ended: bool = True, **losses: int) -> SharedFile:
    file = SharedFile(directory, interval_s=1.0)
    assert file.write(series, losses=losses, has_ended=has_ended)
    return file


def counts(directory: Path) -> dict[str, int]:
    return {series.operation: series.histogram.count for series in merge_processes(directory).series}


def test_series_of_several_processes_are_merged_exactly(directory: Path, series: BuildSeries) -> None:
    shared(directory, series(5, 10**9), series(1, operation="stream"), spans_dropped=2)
    shared(directory, series(2, 3, 4), spans_dropped=3, observer_failed=1)
    merged = merge_processes(directory)
    assert merged.series == (series(5, 10**9, 2, 3, 4), series(1, operation="stream"))
    assert all(one.histogram.is_exact for one in merged.series)
    assert merged.losses == {"spans_dropped": 5, "observer_failed": 1}
    assert (merged.archived, merged.unreadable) == (0, {})


def test_a_process_says_who_it_is(directory: Path, series: BuildSeries) -> None:
    before = time.time_ns()
    file = shared(directory, series(1, 2), has_ended=False, spans_dropped=2)
    (process,) = merge_processes(directory).processes
    assert (process.process_id, process.instance_id) == (os.getpid(), instance_id())
    assert (process.calls, process.losses) == (2, {"spans_dropped": 2})
    assert before <= process.started_unix_nano <= process.written_unix_nano <= time.time_ns()
    file.close()


def test_the_file_is_replaced_whole_and_readers_never_find_a_part_of_it(
    directory: Path, series: BuildSeries
) -> None:
    file = shared(directory, series(1), has_ended=False)
    ends = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not ends.is_set():
            seen.append(counts(directory)["generate"])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(2, 200):
        assert file.write([series(*range(number))], losses={})
    ends.set()
    reader.join(30)
    assert seen == sorted(seen)
    assert counts(directory) == {"generate": 199}
    assert [path.name for path in directory.iterdir()] == [file.path.name]
    file.close()


def test_two_configurations_of_one_process_count_both(directory: Path, series: BuildSeries) -> None:
    shared(directory, series(1))
    shared(directory, series(2))
    assert counts(directory) == {"generate": 2}


def states(directory: Path) -> list[ProcessState]:
    return [process.state for process in merge_processes(directory).processes]


def test_states_tell_who_lives_who_ended_and_who_was_killed(directory: Path, series: BuildSeries) -> None:
    file = shared(directory, series(1), has_ended=False)
    assert states(directory) == [ProcessState.RUNNING]
    an_hour_ago = time.time() - 3600
    os.utime(file.path, (an_hour_ago, an_hour_ago))
    assert states(directory) == [ProcessState.STALE]
    file.close()
    assert states(directory) == [ProcessState.KILLED]
    file.write([series(1)], losses={}, has_ended=True)
    assert states(directory) == [ProcessState.ENDED]


def test_a_killed_process_is_found_out_by_its_lock(directory: Path, series: BuildSeries) -> None:
    program = (
        "import sys, time\n"
        "from latency_kit.storage import SharedFile\n"
        f"file = SharedFile({str(directory)!r}, interval_s=1.0)\n"
        "file.write([], losses={})\n"
        "print(flush=True)\n"
        "time.sleep(60)\n"
    )
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert states(directory) == [ProcessState.RUNNING]
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert states(directory) == [ProcessState.KILLED]


def test_damaged_files_are_told_and_the_others_are_merged(directory: Path, series: BuildSeries) -> None:
    file = shared(directory, series(1))
    torn = directory / "1-torn.series"
    torn.write_bytes(file.path.read_bytes()[:-1])
    (directory / "2-empty.series").write_bytes(b"")
    (directory / "notes.txt").write_text("not one of ours")
    merged = merge_processes(directory)
    assert counts(directory) == {"generate": 1}
    assert set(merged.unreadable) == {"1-torn.series", "2-empty.series"}
    assert "should go on for" in merged.unreadable["1-torn.series"]


def test_no_directory_is_an_error_and_an_empty_one_is_not(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no directory"):
        merge_processes(tmp_path / "missing")
    assert merge_processes(tmp_path).series == ()


def test_a_directory_that_cannot_be_used_is_refused_at_once(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        SharedFile(in_the_way, interval_s=1.0)


def test_a_file_that_cannot_be_written_is_counted_logged_once_and_tried_again(
    directory: Path, series: BuildSeries, caplog: pytest.LogCaptureFixture
) -> None:
    file = SharedFile(directory, interval_s=1.0)
    directory.rmdir()
    assert not file.write([series(1)], losses={})
    assert not file.write([series(1)], losses={})
    assert (file.failed, len(caplog.records)) == (2, 1)
    directory.mkdir()
    assert file.write([series(1)], losses={}, has_ended=True)
    assert counts(directory) == {"generate": 1}


# --- the archive ----------------------------------------------------------------------------------


def test_ended_processes_are_put_together_above_a_number_of_files_and_stay_counted(
    directory: Path, series: BuildSeries
) -> None:
    running = shared(directory, series(1, operation="running"), has_ended=False)
    for number in range(10):
        shared(directory, series(number), spans_dropped=1)
    assert archive_ended(directory, max_files=11) == 0
    assert archive_ended(directory, max_files=10) == 10
    for number in range(5):
        shared(directory, series(number), spans_dropped=1)
    assert archive_ended(directory, max_files=3) == 5
    merged = merge_processes(directory)
    assert merged.series == (series(*range(10), *range(5)), series(1, operation="running"))
    assert (merged.archived, merged.losses) == (15, {"spans_dropped": 15})
    assert [process.state for process in merged.processes] == [ProcessState.RUNNING]
    assert {path.name for path in directory.iterdir()} == {ARCHIVE_NAME, "archive.lock", running.path.name}
    running.close()


def test_a_process_killed_while_it_archived_doubles_nothing(
    directory: Path, series: BuildSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        shared(directory, series(number))
    with monkeypatch.context() as patched:
        # As if it was killed between writing the archive and removing what it had taken in.
        patched.setattr(Path, "unlink", lambda path, missing_ok=False: None)
        assert archive_ended(directory, max_files=0) == 4
    assert counts(directory) == {"generate": 4}
    assert len(list(directory.glob("*.series"))) == 5
    shared(directory, series(9))
    assert archive_ended(directory, max_files=0) == 1
    assert counts(directory) == {"generate": 5}
    assert len(list(directory.glob("*.series"))) == 1


def test_readers_count_every_value_once_while_files_move_into_the_archive(
    directory: Path, series: BuildSeries
) -> None:
    shared(directory, series(0))
    ends = threading.Event()
    seen: dict[int, list[int]] = {0: [], 1: []}

    def read(reader: int) -> None:
        while not ends.is_set():
            seen[reader].append(counts(directory)["generate"])

    readers = [threading.Thread(target=read, args=(reader,)) for reader in seen]
    for reader in readers:
        reader.start()
    for number in range(1, 100):
        shared(directory, series(number))
        archive_ended(directory, max_files=0)
    ends.set()
    for reader in readers:
        reader.join(30)
    # A value missed or seen twice would be put right at the next look: the counts would go back.
    for one in seen.values():
        assert one == sorted(one)
        assert one[-1] <= 100
    assert counts(directory) == {"generate": 100}


def test_only_one_process_archives_at_a_time(directory: Path, series: BuildSeries) -> None:
    import fcntl  # noqa: PLC0415  # not on Windows

    for number in range(4):
        shared(directory, series(number))
    with (directory / "archive.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert archive_ended(directory, max_files=0) == 0
    assert archive_ended(directory, max_files=0) == 4


def test_a_process_of_another_machine_is_archived_only_by_its_own_word(
    directory: Path, series: BuildSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("socket.gethostname", lambda: "elsewhere")
        shared(directory, series(1), has_ended=False).close()
        shared(directory, series(2))
    assert sorted(states(directory)) == [ProcessState.ENDED, ProcessState.RUNNING]
    assert archive_ended(directory, max_files=0) == 1
    assert states(directory) == [ProcessState.RUNNING]
    assert counts(directory) == {"generate": 2}


def test_a_damaged_archive_is_an_error_and_is_left_as_it_is(directory: Path, series: BuildSeries) -> None:
    shared(directory, series(1))
    (directory / ARCHIVE_NAME).write_bytes(b"damaged")
    assert archive_ended(directory, max_files=0) == 0
    with pytest.raises(CorruptDataError):
        merge_processes(directory)
    assert (directory / ARCHIVE_NAME).read_bytes() == b"damaged"


def test_parts_that_a_killed_writer_left_are_removed_after_a_while(
    directory: Path, series: BuildSeries
) -> None:
    shared(directory, series(1))
    old, fresh = directory / "1-a.series.1.part", directory / "2-b.series.2.part"
    for part in (old, fresh):
        part.write_bytes(b"half")
    an_hour_ago = time.time() - 3600
    os.utime(old, (an_hour_ago, an_hour_ago))
    archive_ended(directory, max_files=0)
    assert not old.exists()
    assert fresh.exists()


def test_what_others_put_into_a_file_is_no_reason_to_fail(directory: Path, series: BuildSeries) -> None:
    from latency_kit.storage.series_frame import SeriesEncoder  # noqa: PLC0415  # this test's own

    file = shared(directory, series(1))
    strange: dict[str, Any] = {"process_id": "no number", "losses": {}}
    (directory / "3-strange.series").write_bytes(SeriesEncoder().encode([series(9)], strange))
    merged = merge_processes(directory)
    assert [process.process_id for process in merged.processes] == [os.getpid()]
    assert "does not say whose" in merged.unreadable["3-strange.series"]
    assert file.failed == 0

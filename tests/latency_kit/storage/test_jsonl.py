import errno
import json
import logging
import multiprocessing
import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import Measurement
from latency_kit.storage import JsonlWriter, read_jsonl
from latency_kit.storage.record import line_of

BuildMeasurement = Callable[..., Measurement]


POSIX = sys.platform != "win32"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "performance.jsonl"


def durations(path: Path, **options: bool) -> list[int]:
    return [record.duration_ns for record in read_jsonl(path, **options).records]


def test_a_batch_is_appended_in_one_system_call(
    path: Path, measurement: BuildMeasurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: written.append(data) or real(fd, data))
    with JsonlWriter(path) as writer:
        writer.write([measurement(n) for n in range(100)])
    assert len(written) == 1
    assert written[0] == path.read_bytes() == b"".join(line_of(measurement(n)) for n in range(100))
    assert (writer.written, writer.lost, dict(writer.failures)) == (100, 0, {})


def test_nothing_is_created_before_the_first_batch_and_an_empty_batch_writes_nothing(path: Path) -> None:
    writer = JsonlWriter(path)
    writer.write([])
    writer.close()
    assert not path.exists()


def test_it_appends_to_what_is_there(path: Path, measurement: BuildMeasurement) -> None:
    for n in range(2):
        with JsonlWriter(path) as writer:
            writer([measurement(n)])
    assert durations(path) == [0, 1]


def test_it_makes_the_directory_and_keeps_to_it_when_the_program_changes_its_own(
    tmp_path: Path, measurement: BuildMeasurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    writer = JsonlWriter("runs/today/performance.jsonl")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    writer.write([measurement(1)])
    writer.close()
    assert writer.path == tmp_path / "runs/today/performance.jsonl"
    assert durations(writer.path) == [1]


def test_a_batch_after_close_opens_the_file_again(path: Path, measurement: BuildMeasurement) -> None:
    writer = JsonlWriter(path)
    for n in range(2):
        writer.write([measurement(n)])
        writer.close()
        writer.close()
    assert durations(path) == [0, 1]


@pytest.mark.parametrize("options", [{"max_bytes": 0}, {"backups": -1}])
def test_sizes_that_make_no_sense_are_refused(path: Path, options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        JsonlWriter(path, **options)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="directory"):
        JsonlWriter(tmp_path)


def test_a_torn_last_line_of_an_earlier_crash_is_left_and_the_next_line_begins_afresh(
    path: Path, measurement: BuildMeasurement
) -> None:
    whole = line_of(measurement(1))
    path.write_bytes(whole + line_of(measurement(2))[:40])
    with JsonlWriter(path) as writer:
        writer.write([measurement(3)])
    contents = read_jsonl(path)
    assert [record.duration_ns for record in contents.records] == [1, 3]
    assert (contents.skipped_torn, contents.skipped_bad) == (1, 0)
    assert path.read_bytes().endswith(b"\n" + line_of(measurement(3)))


def test_a_line_that_another_process_tore_meanwhile_is_left_as_well(
    path: Path, measurement: BuildMeasurement
) -> None:
    with JsonlWriter(path) as writer:
        writer.write([measurement(1)])
        with path.open("ab") as other:
            other.write(line_of(measurement(2))[:-5])
        writer.write([measurement(3)])
    assert durations(path) == [1, 3]


# --- rotation -------------------------------------------------------------------------------------


def test_no_file_grows_over_max_bytes_and_all_lines_are_there_in_order(
    path: Path, measurement: BuildMeasurement
) -> None:
    size = len(line_of(measurement(10)))
    with JsonlWriter(path, max_bytes=3 * size, backups=9) as writer:
        for first in range(10, 30, 4):
            writer.write([measurement(n) for n in range(first, first + 4)])
    assert all(file.stat().st_size <= 3 * size for file in path.parent.iterdir())
    assert durations(path, rotated=True) == list(range(10, 30))
    assert writer.written == 20


def test_only_so_many_older_files_are_kept(path: Path, measurement: BuildMeasurement) -> None:
    size = len(line_of(measurement(10)))
    with JsonlWriter(path, max_bytes=size, backups=2) as writer:
        writer.write([measurement(n) for n in range(10, 20)])
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "performance.jsonl",
        "performance.jsonl.1",
        "performance.jsonl.2",
    ]
    assert durations(path, rotated=True) == [17, 18, 19]


def test_without_backups_the_full_file_goes(path: Path, measurement: BuildMeasurement) -> None:
    with JsonlWriter(path, max_bytes=len(line_of(measurement(10))), backups=0) as writer:
        writer.write([measurement(n) for n in range(10, 13)])
    assert durations(path, rotated=True) == [12]


def test_a_line_longer_than_max_bytes_is_written_whole_in_a_file_of_its_own(
    path: Path, measurement: BuildMeasurement
) -> None:
    with JsonlWriter(path, max_bytes=10) as writer:
        writer.write([measurement(1), measurement(2)])
    assert durations(path) == [2]
    assert durations(path, rotated=True) == [1, 2]


def test_a_file_that_another_process_rotated_is_left_to_it(path: Path, measurement: BuildMeasurement) -> None:
    with JsonlWriter(path) as writer:
        writer.write([measurement(1)])
        path.rename(f"{path}.1")
        writer.write([measurement(2)])
    assert durations(path) == [2]
    assert durations(f"{path}.1") == [1]


def test_a_rotation_that_fails_is_counted_and_loses_nothing(
    path: Path,
    measurement: BuildMeasurement,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr("latency_kit.storage.line_file.rotate", refuse)
    with JsonlWriter(path, max_bytes=10) as writer:
        for n in range(3):
            writer.write([measurement(n)])
    assert durations(path) == [0, 1, 2]
    assert dict(writer.failures) == {"rotate": 2}
    assert len(caplog.records) == 1


# --- failures -------------------------------------------------------------------------------------


def test_a_full_disk_is_counted_and_logged_once_and_writing_resumes(
    path: Path,
    measurement: BuildMeasurement,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    real = os.write

    def full(_fd: int, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with JsonlWriter(path) as writer:
        writer.write([measurement(1)])
        monkeypatch.setattr(os, "write", full)
        for _ in range(5):
            writer.write([measurement(2), measurement(2)])
        monkeypatch.setattr(os, "write", real)
        writer.write([measurement(3)])
    assert durations(path) == [1, 3]
    assert (writer.written, writer.lost, dict(writer.failures)) == (2, 10, {"write": 5})
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "No space left" in caplog.text


@pytest.mark.parametrize("space", [1, 50, 200, 449, 450, 500])
def test_when_the_disk_fills_up_inside_a_batch_every_whole_line_counts_and_the_rest_is_lost(
    path: Path, measurement: BuildMeasurement, monkeypatch: pytest.MonkeyPatch, space: int
) -> None:
    batch = [measurement(100 + n) for n in range(5)]
    size = len(line_of(batch[0]))
    real = os.write
    left = [space]

    def filling(fd: int, data: bytes) -> int:
        if left[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = real(fd, data[: left[0]])
        left[0] -= taken
        return taken

    with JsonlWriter(path) as writer:
        monkeypatch.setattr(os, "write", filling)
        writer.write(batch)
        monkeypatch.setattr(os, "write", real)
        writer.write([measurement(999)])
    whole = min(space // size, 5)
    assert durations(path) == [100 + n for n in range(whole)] + [999]
    assert (writer.written, writer.lost) == (whole + 1, 5 - whole)
    assert read_jsonl(path).skipped_bad == 0


def test_a_short_write_is_completed_from_the_torn_line_on(
    path: Path, measurement: BuildMeasurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = [measurement(100 + n) for n in range(5)]
    cut = 2 * len(line_of(batch[0])) + 7
    real = os.write
    calls = []

    def short_once(fd: int, data: bytes) -> int:
        calls.append(data)
        return real(fd, data[:cut] if len(calls) == 1 else data)

    monkeypatch.setattr(os, "write", short_once)
    with JsonlWriter(path) as writer:
        writer.write(batch)
    contents = read_jsonl(path)
    assert [record.duration_ns for record in contents.records] == [100, 101, 102, 103, 104]
    assert contents.skipped_torn == 1
    assert (writer.written, writer.lost) == (5, 0)


def test_a_disk_that_takes_only_parts_again_and_again_loses_and_counts_the_rest(
    path: Path, measurement: BuildMeasurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:10]))
    with JsonlWriter(path) as writer:
        writer.write([measurement(1), measurement(2)])
    assert (writer.written, writer.lost, dict(writer.failures)) == (0, 2, {"write": 1})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has the device that is always full")
def test_the_device_that_is_always_full_raises_nothing(measurement: BuildMeasurement) -> None:
    with JsonlWriter("/dev/full") as writer:
        writer.write([measurement(1)])
    assert (writer.lost, dict(writer.failures)) == (1, {"write": 1})


def test_a_path_that_cannot_be_opened_is_counted_and_tried_again(
    tmp_path: Path, measurement: BuildMeasurement, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "runs"
    in_the_way.write_text("a file where the directory should be")
    with JsonlWriter(in_the_way / "performance.jsonl") as writer:
        writer.write([measurement(1)])
        writer.write([measurement(2)])
        in_the_way.unlink()
        writer.write([measurement(3)])
    assert durations(writer.path) == [3]
    assert (writer.written, writer.lost, dict(writer.failures)) == (1, 2, {"open": 2})
    assert len(caplog.records) == 1


def test_a_measurement_that_cannot_be_encoded_takes_no_other_with_it(
    path: Path, measurement: BuildMeasurement
) -> None:
    outside_the_calendar = measurement(2, start_unix_nano=10**30)
    with JsonlWriter(path) as writer:
        writer.write([measurement(1), outside_the_calendar, measurement(3)])
    assert durations(path) == [1, 3]
    assert (writer.written, writer.lost, dict(writer.failures)) == (2, 1, {"encode": 1})


def test_a_log_that_fails_is_no_harm(
    path: Path, measurement: BuildMeasurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no")

        def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
            raise RuntimeError("no")

    handler = Broken()
    logging.getLogger("latency_kit.storage").addHandler(handler)
    try:
        with JsonlWriter(path) as writer:
            writer.write([measurement(1, start_unix_nano=10**30)])
    finally:
        logging.getLogger("latency_kit.storage").removeHandler(handler)
    assert writer.lost == 1


@pytest.mark.skipif(not POSIX, reason="permission bits are POSIX")
def test_the_file_follows_the_umask(path: Path, measurement: BuildMeasurement) -> None:
    with JsonlWriter(path) as writer:
        writer.write([measurement(1)])
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


# --- several processes ----------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # forking is what is tested
def test_after_a_fork_the_child_writes_through_a_file_of_its_own_even_if_the_lock_was_held(
    path: Path, measurement: BuildMeasurement
) -> None:
    writer = JsonlWriter(path)
    writer.write([measurement(1)])
    parents = writer._file._descriptor
    with writer._file._lock:  # as if another thread of the parent was writing just then
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # a child that waits for the lock must not hang the test
            writer.write([measurement(2), measurement(3)])
            os._exit(0 if (writer.written, writer.lost) == (2, 0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    writer.write([measurement(4)])
    assert writer._file._descriptor == parents
    writer.close()
    assert durations(path) == [1, 2, 3, 4]
    assert writer.written == 2


def append(path: Path, build: BuildMeasurement, worker: int, max_bytes: int) -> None:
    """Write 200 batches of 5 from one process; exit 1 if anything was lost."""
    with JsonlWriter(path, max_bytes=max_bytes, backups=10_000) as writer:
        for batch in range(200):
            writer.write([build(n, component=f"worker{worker}") for n in range(batch * 5, batch * 5 + 5)])
        sys.exit(0 if (writer.written, writer.lost) == (1000, 0) else 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the builder is inherited by fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("max_bytes", [64 * 1024 * 1024, 20_000], ids=["one-file", "rotating"])
def test_several_processes_append_to_one_file_without_a_lost_or_mixed_line(
    path: Path, measurement: BuildMeasurement, max_bytes: int
) -> None:
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=append, args=(path, measurement, worker, max_bytes)) for worker in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    contents = read_jsonl(path, rotated=True)
    assert (contents.skipped_torn, contents.skipped_bad) == (0, 0)
    for worker in range(3):
        of_worker = [r.duration_ns for r in contents.records if r.component == f"worker{worker}"]
        assert sorted(of_worker) == list(range(1000))


def test_lines_are_plain_json_for_any_other_reader(path: Path, measurement: BuildMeasurement) -> None:
    with JsonlWriter(path) as writer:
        writer.write([measurement(1_500_000, attributes={"text": "zwei\nZeilen"})])
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["duration_ms"] == 1.5

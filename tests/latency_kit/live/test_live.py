"""A running process can be looked into from outside, and is none the worse for it."""

import json
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

import latency_kit
from latency_kit import ConfigurationError, CorruptDataError, UsageError
from latency_kit.live import LiveConnection, client, connect, frame_from_data, running_processes
from latency_kit.live.client import ProcessEndedError, ProcessSilentError
from latency_kit.live.place import FOLDER_VARIABLE
from latency_kit.live.server import MAX_WATCHERS
from latency_kit.testing import FakeClock
from latency_kit.units import NS_PER_MS

from .conftest import call

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no sockets of the local machine")


def socket_of(folder: Path) -> Path:
    return folder / f"{os.getpid()}.sock"


def test_each_look_holds_what_ended_since_the_last_one_and_the_whole(
    telemetry: latency_kit.Telemetry, clock: FakeClock
) -> None:
    with connect() as connection:
        for ms in (1, 2, 3):
            call(clock, ms=ms)
        first = connection.frame()
        call(clock, ms=20)
        second = connection.frame()
        (before,), (after,) = first.series, second.series
        assert (before.name, before.outcome, before.count, before.total_count) == ("shop.price", "ok", 3, 3)
        assert (after.count, after.total_count) == (1, 4)
        assert after.interval_ns["max"] == after.whole_ns["max"] == 20 * NS_PER_MS
        assert after.interval_ns["p50"] == 20 * NS_PER_MS
        assert abs(after.whole_ns["p50"] - 2 * NS_PER_MS) < 0.002 * NS_PER_MS
        assert second.start_unix_nano == first.end_unix_nano
        assert connection.frame().series[0].interval_ns == {}


def test_a_look_judges_budgets_and_objectives(telemetry: latency_kit.Telemetry, clock: FakeClock) -> None:
    with connect("shop") as connection:
        assert connection.frame().budgets[0]["verdict"] == "NO_DATA"
        for ms in (5, 30):
            call(clock, ms=ms)
        frame = connection.frame()
    (budget,), (objective,) = frame.budgets, frame.objectives
    assert (budget["verdict"], budget["over_limit_count"], budget["count"]) == ("BREACHED", 1, 2)
    assert budget["observed_ns"] == 30 * NS_PER_MS
    assert (objective["bad"], objective["events"]) == (1, 2)
    assert objective["remaining_error_budget"] == pytest.approx(-9)


def test_calls_in_flight_are_seen_while_they_run(telemetry: latency_kit.Telemetry, clock: FakeClock) -> None:
    with connect(str(os.getpid())) as connection, latency_kit.measure_latency("shop", "pay"):
        clock.advance(ms=7)
        seen = connection.frame().in_flight
        assert (seen["followed"], seen["count"]) == (True, 1)
        assert (seen["calls"][0]["name"], seen["calls"][0]["age_ns"]) == ("shop.pay", 7 * NS_PER_MS)
    assert latency_kit.in_flight() == ()


def test_recent_calls_can_be_asked_for_by_the_moment_they_ended(
    telemetry: latency_kit.Telemetry, clock: FakeClock
) -> None:
    call(clock, ms=1)
    clock.advance(s=1)
    moment = clock.unix_nano()
    call(clock, ms=2)
    with connect() as connection:
        (found,) = connection.calls(moment)
    assert (found["name"], found["duration_ns"]) == ("shop.price", 2 * NS_PER_MS)


def test_running_processes_are_listed_and_dead_ones_cleared_away(folder: Path, clock: FakeClock) -> None:
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "1.sock"))
    assert running_processes() == ()
    with latency_kit.configure(service_name="shop", live=True, clock=clock):
        (found,) = running_processes()
        assert (found.process_id, found.service_name) == (os.getpid(), "shop")
        assert sorted(path.name for path in folder.iterdir()) == [f"{os.getpid()}.sock"]
    assert list(folder.iterdir()) == []


def test_only_this_user_can_open_the_socket(telemetry: latency_kit.Telemetry, folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert socket_of(folder).stat().st_mode & 0o777 == 0o600


def test_a_folder_that_others_can_write_to_is_refused(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(ConfigurationError, match=f"nobody else can write to.*{FOLDER_VARIABLE}"):
        latency_kit.configure(live=True)


def test_a_socket_name_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder / ("x" * 90)))
    with pytest.raises(ConfigurationError, match="100 are possible"):
        latency_kit.configure(live=True)


@pytest.mark.parametrize(("value", "is_on"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_the_environment_switches_it_on(
    value: str, is_on: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENCY_KIT_LIVE", value)
    with latency_kit.configure():
        assert bool(running_processes()) is is_on
    with latency_kit.configure(live=False):
        assert running_processes() == ()


def test_a_path_of_ones_own_can_be_given(folder: Path) -> None:
    folder.mkdir()
    path = folder / "mine.sock"
    with latency_kit.configure(service_name="shop", live=path), connect(str(path)) as connection:
        assert connection.process()["service_name"] == "shop"
    assert not path.exists()


@pytest.mark.parametrize(
    ("request_line", "message"),
    [
        (b"no json\n", "JSONDecodeError"),
        (b"[1]\n", "a request is a JSON object"),
        (b'{"ask": "everything"}\n', '"ask" must be'),
        (b'{"ask": "calls"}\n', "since_unix_nano"),
    ],
)
def test_a_wrong_request_is_answered_and_the_connection_goes_on(
    request_line: bytes, message: str, telemetry: latency_kit.Telemetry, folder: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(socket_of(folder)))
        lines = raw.makefile("rb")
        raw.sendall(request_line)
        assert message in json.loads(lines.readline())["error"]
        raw.sendall(b'{"ask": "process"}\n')
        assert json.loads(lines.readline())["service_name"] == "shop"


def test_a_request_without_end_is_cut_off(telemetry: latency_kit.Telemetry, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(socket_of(folder)))
        raw.sendall(b"x" * 5000)
        with pytest.raises(ConnectionError):  # noqa: PT012  # reset, or closed, as the system has it
            if not raw.recv(1):
                raise ConnectionResetError
    with connect() as connection:
        assert connection.frame().series == ()


def test_one_watcher_too_many_is_told_so_and_a_place_becomes_free_again(
    telemetry: latency_kit.Telemetry, clock: FakeClock
) -> None:
    watchers = [connect(str(os.getpid())) for _ in range(MAX_WATCHERS)]
    path = watchers[0]._path
    call(clock, ms=1)
    assert all(watcher.frame().series[0].count == 1 for watcher in watchers)
    with LiveConnection(path) as late, pytest.raises(UsageError, match="others watch this process already"):
        late.frame()
    watchers.pop().close()
    watchers[0].frame()
    with LiveConnection(path) as next_one:
        # Nothing is left of whoever had the place before: the first look goes back to the start.
        assert next_one.frame().series[0].count == 1
    for watcher in watchers:
        watcher.close()


def test_a_process_that_ends_is_told_from_one_that_never_was(folder: Path) -> None:
    telemetry = latency_kit.configure(service_name="shop", live=True)
    with connect() as connection:
        telemetry.shutdown()
        with pytest.raises(ProcessEndedError, match="has ended"):
            connection.frame()
    with pytest.raises(UsageError, match=r"no process can be watched.*live=True"):
        connect()


def test_a_name_that_nobody_has_lists_those_there_are(telemetry: latency_kit.Telemetry) -> None:
    with pytest.raises(
        UsageError, match=rf"no process 'bank' can be watched; there are: {os.getpid()} shop$"
    ):
        connect("bank")


def test_a_process_that_does_not_answer_is_named_and_not_told_to_be_started(
    telemetry: latency_kit.Telemetry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_LOOK_TIMEOUT_S", 0.05)
    stopped = r"process 4711 does not answer; is it stopped \(kill -CONT"
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(folder / "4711.sock"))
        mute.listen()
        assert [one.process_id for one in running_processes()] == [os.getpid()]
        for target in ("4711", "bank"):
            with pytest.raises(ProcessSilentError, match=stopped):
                connect(target)
        connect("shop").close()
        with pytest.raises(UsageError, match="no process '12' can be watched"):
            connect("12")
        telemetry.shutdown()
        with pytest.raises(ProcessSilentError, match=stopped):
            connect()


def test_several_processes_are_listed_in_one_line(telemetry: latency_kit.Telemetry, folder: Path) -> None:
    # A second socket of the same process stands for another one.
    (folder / "1.sock").symlink_to(folder / f"{os.getpid()}.sock")
    with pytest.raises(UsageError, match=r"^2 processes can be watched, name one by its process id: .+shop$"):
        connect("shop")


def test_an_answer_in_another_protocol_is_refused() -> None:
    with pytest.raises(CorruptDataError, match="use the same version of latency-kit on both sides"):
        frame_from_data({"protocol": 2})
    with pytest.raises(CorruptDataError, match="something else than a frame"):
        frame_from_data({"protocol": 1, "process": {}})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_watched_by_itself_and_leaves_its_parents_socket(
    telemetry: latency_kit.Telemetry, clock: FakeClock, folder: Path
) -> None:
    call(clock, ms=1)
    hold_read, hold_write = os.pipe()
    ready_read, ready_write = os.pipe()
    child = os.fork()
    if not child:
        os.write(ready_write, b"r")
        os.read(hold_read, 1)
        telemetry.shutdown()
        os._exit(0)
    try:
        os.read(ready_read, 1)
        with LiveConnection(folder / f"{child}.sock") as of_child, connect(str(os.getpid())) as of_parent:
            assert of_child.frame().series == ()
            assert of_child.process()["process_id"] == child
            assert of_parent.frame().series[0].total_count == 1
    finally:
        os.write(hold_write, b"e")
        os.waitpid(child, 0)
    assert [path.name for path in folder.iterdir()] == [f"{os.getpid()}.sock"]


def test_no_call_is_lost_while_somebody_looks(telemetry: latency_kit.Telemetry) -> None:
    """Each call is in exactly one look of a connection."""
    number, counts = 20_000, []
    is_done = threading.Event()

    def work() -> None:
        for _ in range(number):
            with latency_kit.measure_latency("shop", "count"):
                pass
        is_done.set()

    worker = threading.Thread(target=work)
    with connect() as connection:
        worker.start()
        while not is_done.is_set():
            counts.append(sum(series.count for series in connection.frame().series))
        worker.join()
        counts.append(sum(series.count for series in connection.frame().series))
    assert sum(counts) == number

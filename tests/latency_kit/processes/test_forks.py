"""A forked child begins anew: own series, files and identity, whatever its parent was in the middle of."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import latency_kit
from latency_kit.process_identity import instance_id

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),  # forking is what is tested
]


def in_child(body: Callable[[], bool]) -> bool:
    """Tell whether `body` says True in a forked child, within a time limit."""
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # a child that hangs must not hang the test
        try:
            os._exit(0 if body() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def call(operation: str, times: int = 1) -> None:
    for _ in range(times):
        with latency_kit.measure_latency("job", operation):
            pass


def counts(telemetry: latency_kit.Telemetry) -> dict[str, int]:
    return {series.operation: series.histogram.count for series in telemetry.snapshot()}


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[latency_kit.Telemetry]:
    with latency_kit.configure(
        share=tmp_path / "share", hlog=tmp_path / "calls.hlog", jsonl=tmp_path / "performance.jsonl"
    ) as configured:
        yield configured


def test_series_ring_intervals_and_losses_of_the_child_are_its_own(telemetry: latency_kit.Telemetry) -> None:
    call("parent", 3)
    telemetry.interval()
    call("parent", 4)

    def body() -> bool:
        is_empty = not counts(telemetry) and not telemetry.recent() and not telemetry.losses()
        call("child", 2)
        return (
            is_empty
            and counts(telemetry) == {"child": 2}
            and telemetry.interval().count == 2
            and [measured.operation for measured in telemetry.recent()] == ["child", "child"]
        )

    assert in_child(body)
    assert counts(telemetry) == {"parent": 7}
    assert telemetry.interval().count == 4


def test_an_interval_of_the_child_begins_with_the_child(telemetry: latency_kit.Telemetry) -> None:
    call("parent")
    telemetry.interval()
    forked_unix_nano = time.time_ns()
    # The wall anchor and the wall clock may differ by what the clock was adjusted meanwhile.
    tolerance_ns = 50_000_000
    assert in_child(
        lambda: telemetry.interval().start_unix_nano >= forked_unix_nano - tolerance_ns and call("c") is None
    )


def test_service_instance_id_differs_between_parent_and_child_and_stays_within_each() -> None:
    parents = instance_id()
    assert instance_id() == parents
    assert in_child(lambda: instance_id() != parents and instance_id() == instance_id())
    assert instance_id() == parents


def test_what_is_exported_and_what_is_shared_go_under_one_service_instance_id() -> None:
    pytest.importorskip("opentelemetry.sdk", reason="the SDK comes with the extra 'otlp'")
    from latency_kit.export import ExportSettings, ProcessResource  # noqa: PLC0415  # needs the extra

    resource = ProcessResource(ExportSettings.resolve())
    assert resource.attributes["service.instance.id"] == instance_id()
    assert in_child(lambda: resource.attributes["service.instance.id"] == instance_id())


def test_the_child_shares_a_file_of_its_own_under_its_own_identity(
    telemetry: latency_kit.Telemetry, tmp_path: Path
) -> None:
    call("parent", 5)

    def body() -> bool:
        call("child", 2)
        return telemetry.shutdown()

    assert in_child(body)
    telemetry.flush()
    merged = latency_kit.merge_processes(tmp_path / "share")
    assert {series.operation: series.histogram.count for series in merged.series} == {"child": 2, "parent": 5}
    assert sorted(str(process.state) for process in merged.processes) == ["ended", "running"]
    assert len({process.instance_id for process in merged.processes}) == 2
    (running,) = [process for process in merged.processes if str(process.state) == "running"]
    assert (running.process_id, running.instance_id) == (os.getpid(), instance_id())


def test_the_end_of_a_child_does_not_make_its_parent_seem_dead(
    telemetry: latency_kit.Telemetry, tmp_path: Path
) -> None:
    call("parent")
    telemetry.flush()
    assert in_child(lambda: True)  # ends without a word, its parent's locked file open until then
    (process,) = latency_kit.merge_processes(tmp_path / "share").processes
    assert process.state == latency_kit.ProcessState.RUNNING


def test_a_fork_waits_until_no_observer_is_being_told(telemetry: latency_kit.Telemetry) -> None:
    telemetry.shutdown()
    is_told, go_on = threading.Event(), threading.Event()

    def observe(measurements: object) -> None:
        is_told.set()
        go_on.wait(30)

    with latency_kit.configure(observers=[observe], drain_interval_s=0.01) as observed:
        call("parent")
        assert is_told.wait(30)
        threading.Timer(0.05, go_on.set).start()
        # Were the observer's work cut in two by the fork, it would not be over in the child.
        assert in_child(lambda: go_on.is_set() and not counts(observed))


def test_nothing_hangs_in_the_child_when_every_lock_was_held_at_the_fork(
    telemetry: latency_kit.Telemetry,
) -> None:
    """As if other threads of the parent, which the child does not have, were in the middle of everything."""
    call("parent")
    locks = [
        telemetry._recording._lock,
        telemetry._recording._telling,
        telemetry._losses._lock,
        telemetry._intervals._lock,
        telemetry._ending,
        *(part._lock for part in telemetry._interval_parts),
    ]
    holds, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        for lock in locks:
            lock.acquire()
        holds.set()
        may_end.wait(60)
        for lock in reversed(locks):
            lock.release()

    holder = threading.Thread(target=hold)
    holder.start()
    assert holds.wait(30)

    def body() -> bool:
        call("child", 2)
        return (
            counts(telemetry) == {"child": 2}
            and telemetry.interval().count == 2
            and telemetry.flush()
            and telemetry.shutdown()
        )

    assert in_child(body)
    may_end.set()
    holder.join(30)
    assert counts(telemetry) == {"parent": 1}


def test_forking_while_eight_threads_record_and_read_works_again_and_again(
    telemetry: latency_kit.Telemetry,
) -> None:
    ends = threading.Event()

    def work(number: int) -> None:
        while not ends.wait(0.001):
            call("parent", 20)
            if number == 0:
                telemetry.snapshot()
            elif number == 1:
                telemetry.interval()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()

    def body() -> bool:
        call("child", 3)
        return counts(telemetry) == {"child": 3} and telemetry.flush()

    try:
        assert all(in_child(body) for _ in range(20))
    finally:
        ends.set()
        for thread in threads:
            thread.join(30)


def test_forking_from_an_observer_does_not_hang(tmp_path: Path) -> None:
    ended = []

    def observe(measurements: object) -> None:
        ended.append(in_child(lambda: True))

    with latency_kit.configure(observers=[observe]) as telemetry:
        call("parent")
        telemetry.flush()
    assert ended == [True]


def test_at_the_moment_of_a_fork_no_thread_of_ours_runs(programs: Any) -> None:
    output = programs.run(
        # Registered before ours, so called after it.
        "os.register_at_fork(before=lambda: print(threading.active_count(), end=' ', flush=True))\n"
        "latency_kit.configure(share='share', hlog='calls.hlog', flush_on_sigterm=True)\n"
        "for _ in range(5):\n"
        "    call('parent')\n"
        "    child = os.fork()\n"
        "    if child == 0: os._exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "print(sorted(thread.name for thread in threading.enumerate() if thread.daemon))\n"
    )
    assert output == (
        "1 1 1 1 1 ['latency_kit-drain', 'latency_kit-hlog', 'latency_kit-share', 'latency_kit-sigterm']\n"
    )


def test_threads_that_fork_at_once_leave_each_of_our_threads_running_once(programs: Any) -> None:
    output = programs.run(
        "telemetry = latency_kit.configure(jsonl='performance.jsonl', drain_interval_s=0.01)\n"
        "def fork():\n"
        "    for _ in range(20):\n"
        "        call('parent')\n"
        "        child = os.fork()\n"
        "        if child == 0: os._exit(0)\n"
        "        assert os.waitpid(child, 0)[1] == 0\n"
        "threads = [threading.Thread(target=fork) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "print([thread.name for thread in threading.enumerate() if thread.daemon])\n"
        # The thread still does its work.
        "call('parent')\n"
        "until = time.monotonic() + 30\n"
        "def written():\n"
        "    path = 'performance.jsonl'\n"
        "    return os.path.exists(path) and len(open(path).readlines()) == 81\n"
        "while not written():\n"
        "    assert time.monotonic() < until\n"
        "    time.sleep(0.01)\n"
        "os._exit(0)\n"
    )
    assert output == "['latency_kit-drain']\n"
    assert programs.logged() == {"parent": 81}


def test_a_grandchild_begins_anew_as_well(telemetry: latency_kit.Telemetry, tmp_path: Path) -> None:
    call("parent")

    def child() -> bool:
        call("child")

        def grandchild() -> bool:
            call("grandchild")
            return counts(telemetry) == {"grandchild": 1} and telemetry.shutdown()

        return in_child(grandchild) and counts(telemetry) == {"child": 1} and telemetry.shutdown()

    assert in_child(child)
    telemetry.shutdown()
    merged = latency_kit.merge_processes(tmp_path / "share")
    assert {series.operation: series.histogram.count for series in merged.series} == {
        "parent": 1,
        "child": 1,
        "grandchild": 1,
    }


def test_a_call_that_was_open_at_the_fork_ends_in_both_processes(telemetry: latency_kit.Telemetry) -> None:
    with latency_kit.measure_latency("job", "open"):
        child = os.fork()
    if child == 0:
        os._exit(0 if counts(telemetry) == {"open": 1} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert counts(telemetry) == {"open": 1}


@pytest.mark.skipif(sys.platform == "win32", reason="prefork servers are POSIX")
def test_workers_of_a_prefork_server_are_merged_and_those_that_were_recycled_stay_counted(
    programs: Any,
) -> None:
    programs.run(
        "telemetry = latency_kit.configure(share='share', share_interval_s=0.05)\n"
        "def worker(number):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        call('request', 100)\n"
        "        sys.exit(0)\n"  # unwinds through the server's code, as gunicorn's workers do
        "    return child\n"
        "for generation in range(3):\n"
        "    for child in [worker(number) for number in range(4)]:\n"
        "        assert os.waitpid(child, 0)[1] == 0\n"
        "call('server', 1)\n"
    )
    assert programs.shared() == {"request": 1200, "server": 1}
    assert programs.states() == ["ended"] * 13

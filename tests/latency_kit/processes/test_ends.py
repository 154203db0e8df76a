"""What is lost when a process ends: nothing on a regular end, at most an interval on a sudden one."""

import signal
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and forks are POSIX")

NEVER = "drain_interval_s=3600, share_interval_s=3600"
"""Intervals that do not come: whatever is written is written by the end itself."""

CONFIGURED = f"telemetry = latency_kit.configure(share='share', jsonl='performance.jsonl', {NEVER})\n"

QUICKLY = (
    "telemetry = latency_kit.configure(share='share', jsonl='performance.jsonl', drain_interval_s=0.01,"
    " share_interval_s=0.01)\n"
)


def assert_kept(programs: Any, expected: dict[str, int], *, state: str = "ended") -> None:
    assert programs.shared() == expected
    assert programs.logged() == expected
    assert programs.states() == [state]


def test_a_regular_end_loses_nothing(programs: Any) -> None:
    programs.run(f"{CONFIGURED}call('a', 1000)")
    assert_kept(programs, {"a": 1000})


@pytest.mark.parametrize("ending", ["sys.exit(3)", "raise SystemExit(3)"])
def test_an_exit_from_the_middle_loses_nothing(programs: Any, ending: str) -> None:
    programs.run(f"{CONFIGURED}call('a', 10)\n{ending}", returncode=3)
    assert_kept(programs, {"a": 10})


def test_an_unhandled_exception_loses_nothing_and_the_call_that_it_left_is_an_error(programs: Any) -> None:
    programs.run(
        f"{CONFIGURED}call('a', 10)\nwith latency_kit.measure_latency('job', 'failed'): raise KeyError('k')",
        returncode=1,
        stderr=None,
    )
    assert_kept(programs, {"a": 10, "failed": 1})


def test_a_keyboard_interrupt_loses_nothing(programs: Any) -> None:
    process = programs.start(
        f"{CONFIGURED}call('a', 10)\n"
        # Where the tests themselves run in the background, the shell has had SIGINT ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with latency_kit.measure_latency('job', 'interrupted'):\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    assert programs.ready(process) == "ready"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert_kept(programs, {"a": 10, "interrupted": 1})


def test_a_thread_that_still_records_is_waited_for_and_loses_nothing(programs: Any) -> None:
    programs.run(
        f"{CONFIGURED}"
        "main_ends = threading.Event()\n"
        "def work():\n"
        "    main_ends.wait(60)\n"
        "    threading.main_thread().join()\n"
        "    call('a', 500)\n"
        "threading.Thread(target=work).start()\n"
        "main_ends.set()\n"
    )
    assert_kept(programs, {"a": 500})


def test_a_daemon_thread_that_still_records_loses_only_what_ends_after_the_end_began(programs: Any) -> None:
    output = programs.run(
        "import atexit\n"
        # Registered before ours, so called after it.
        "atexit.register(lambda: print(at_end, len(done), flush=True))\n"
        f"{CONFIGURED}"
        "done = []\n"
        "def work():\n"
        "    while True:\n"
        "        call('a')\n"
        "        done.append(1)\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "while len(done) < 1000: pass\n"
        # Registered after ours, so called before it.
        "def begin():\n"
        "    global at_end\n"
        "    at_end = len(done)\n"
        "atexit.register(begin)\n"
    )
    at_least, at_most = map(int, output.split())
    shared = programs.shared()["a"]
    # The one call that was being noted when the counts were read.
    assert at_least <= shared <= at_most + 1
    assert programs.logged() == {"a": shared}
    assert programs.states() == ["ended"]


def test_os_exit_loses_what_was_recorded_since_the_last_intervals(programs: Any) -> None:
    programs.run(
        f"{QUICKLY}call('a', 1000)\n"
        "def written():\n"
        "    merged = latency_kit.merge_processes('share')\n"
        "    return sum(series.histogram.count for series in merged.series) == 1000\n"
        "until = time.monotonic() + 30\n"
        "while not written() and time.monotonic() < until: time.sleep(0.01)\n"
        "os._exit(0)"
    )
    assert_kept(programs, {"a": 1000}, state="killed")


def test_os_exit_before_the_first_interval_loses_what_was_recorded(programs: Any) -> None:
    programs.run(f"{CONFIGURED}call('a', 1000)\nos._exit(0)")
    assert programs.logged() == {}
    assert programs.shared() == {}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_loses_at_most_its_last_interval(programs: Any, number: signal.Signals) -> None:
    process = programs.start(f"{QUICKLY}call('a', 1000)\nprint('ready', flush=True)\ntime.sleep(60)")
    assert programs.ready(process) == "ready"
    programs.wait_until(lambda: programs.shared() == {"a": 1000} and programs.logged() == {"a": 1000})
    assert programs.states() == ["running"]
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == -number
    assert_kept(programs, {"a": 1000}, state="killed")


def test_another_program_in_its_place_loses_what_was_recorded_unless_it_was_shut_down(programs: Any) -> None:
    becoming = "os.execv(sys.executable, [sys.executable, '-c', 'pass'])"
    programs.run(f"{CONFIGURED}call('a', 10)\n{becoming}")
    assert programs.shared() == programs.logged() == {}
    programs.run(f"{CONFIGURED}call('b', 10)\ntelemetry.shutdown()\n{becoming}")
    assert_kept(programs, {"b": 10})


def test_a_call_that_is_still_open_at_the_end_is_no_call(programs: Any) -> None:
    programs.run(f"{CONFIGURED}call('a', 10)\nlatency_kit.begin('job', 'never_ended')")
    assert_kept(programs, {"a": 10})


def test_an_observer_that_never_returns_holds_up_the_end_for_a_bounded_time(programs: Any) -> None:
    programs.run(
        "stuck = threading.Event()\n"
        "def observe(measurements):\n"
        "    stuck.set()\n"
        "    time.sleep(3600)\n"
        "latency_kit.configure(observers=[observe], drain_interval_s=0.01, share='share')\n"
        "call('a', 10)\n"
        "stuck.wait(60)\n"
    )
    # The file is complete all the same: histograms do not wait for observers.
    assert programs.shared() == {"a": 10}

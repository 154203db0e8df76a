"""`flush_on_sigterm=True`: nothing is lost, and SIGTERM does what it would have done."""

import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import latency_kit

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to speak of")

CONFIGURED = (
    "telemetry = latency_kit.configure(share='share', jsonl='performance.jsonl', flush_on_sigterm=True,"
    " drain_interval_s=3600, share_interval_s=3600)\n"
)


def terminate(programs: Any, program: str) -> tuple[int, str]:
    process = programs.start(program)
    assert programs.ready(process) == "ready"
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert errors == ""
    return process.returncode, output


@pytest.mark.parametrize(
    "waiting",
    [
        "time.sleep(60)",
        "while not threading.Event().wait(0.05): pass",
        "while True: pass",
        "while True: call('more')",
    ],
)
def test_it_writes_everything_and_the_parent_sees_the_signal(programs: Any, waiting: str) -> None:
    returncode, _ = terminate(programs, f"{CONFIGURED}call('a', 100)\nprint('ready', flush=True)\n{waiting}")
    assert returncode == -signal.SIGTERM
    assert programs.shared()["a"] == programs.logged()["a"] == 100
    assert programs.states() == ["ended"]


def test_a_handler_that_was_there_is_called_afterwards_and_may_let_the_program_go_on(programs: Any) -> None:
    returncode, output = terminate(
        programs,
        "asked = threading.Event()\n"
        "def handle(number, frame):\n"
        "    is_main = threading.current_thread() is threading.main_thread()\n"
        "    shared = latency_kit.merge_processes('share').series\n"
        "    counts = [series.histogram.count for series in shared]\n"
        "    print(number, frame is not None, is_main, counts, flush=True)\n"
        "    asked.set()\n"
        "signal.signal(signal.SIGTERM, handle)\n"
        f"{CONFIGURED}call('a', 100)\nprint('ready', flush=True)\n"
        "while not asked.is_set(): time.sleep(0.01)\n"
        "call('a', 11)\n",
    )
    assert (returncode, output) == (0, f"{signal.SIGTERM.value} True True [100]\n")
    assert programs.shared() == programs.logged() == {"a": 111}
    assert programs.states() == ["ended"]


def test_a_handler_that_exits_ends_the_program_regularly(programs: Any) -> None:
    returncode, _ = terminate(
        programs,
        "signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(7))\n"
        f"{CONFIGURED}call('a', 100)\nprint('ready', flush=True)\ntime.sleep(60)",
    )
    assert returncode == 7
    assert programs.shared() == programs.logged() == {"a": 100}


def test_a_signal_that_was_ignored_stays_ignored(programs: Any) -> None:
    returncode, _ = terminate(
        programs,
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"{CONFIGURED}call('a', 100)\nprint('ready', flush=True)\n"
        "until = time.monotonic() + 30\n"
        "while not latency_kit.merge_processes('share').series:\n"
        "    assert time.monotonic() < until\n"
        "    time.sleep(0.01)\n"
        "call('a', 11)\n",
    )
    assert returncode == 0
    assert programs.shared() == {"a": 111}


def test_it_does_not_hang_when_the_main_thread_holds_the_locks_of_the_recording(programs: Any) -> None:
    returncode, _ = terminate(
        programs,
        f"{CONFIGURED}call('a', 100)\n"
        "with telemetry._recording._telling, telemetry._recording._lock:\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n",
    )
    # What could not be reached is lost; the signal takes effect all the same.
    assert returncode == -signal.SIGTERM
    assert programs.shared() == {}


def test_repeated_signals_end_the_program_once(programs: Any) -> None:
    process = programs.start(f"{CONFIGURED}call('a', 100)\nprint('ready', flush=True)\ntime.sleep(60)")
    assert programs.ready(process) == "ready"
    for _ in range(20):
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert programs.shared() == programs.logged() == {"a": 100}


def test_a_forked_child_flushes_as_well(programs: Any) -> None:
    programs.run(
        f"{CONFIGURED}call('parent', 3)\n"
        "out, into = os.pipe()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    call('child', 4)\n"
        "    os.write(into, b'x')\n"
        "    time.sleep(60)\n"
        "os.read(out, 1)\n"
        "os.kill(child, signal.SIGTERM)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM\n"
    )
    assert programs.shared() == programs.logged() == {"parent": 3, "child": 4}
    assert programs.states() == ["ended", "ended"]


def test_shutdown_puts_the_previous_disposition_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with latency_kit.configure(flush_on_sigterm=True):
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_handler_that_was_set_later_and_chains_to_ours_still_reaches_the_previous_one_after_shutdown() -> (
    None
):
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with latency_kit.configure(flush_on_sigterm=True):
            ours: Any = signal.getsignal(signal.SIGTERM)
            signal.signal(signal.SIGTERM, lambda number, frame: [ours(number, frame)])
        signal.raise_signal(signal.SIGTERM)
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_configuring_it_outside_the_main_thread_is_refused() -> None:
    errors: list[str] = []

    def configure() -> None:
        try:
            latency_kit.configure(flush_on_sigterm=True)
        except latency_kit.ConfigurationError as error:
            errors.append(str(error))

    thread = threading.Thread(target=configure)
    thread.start()
    thread.join(30)
    assert errors == ["flush_on_sigterm=True needs configure() to be called in the main thread"]


def test_without_it_sigterm_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with latency_kit.configure():
        assert signal.getsignal(signal.SIGTERM) == before

"""Children of `multiprocessing`, of process pools and of other programs, merged; what each end keeps."""

import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="locks tell who lives on POSIX only")

NEVER = "drain_interval_s=3600, share_interval_s=3600"

CONFIGURED_IN_PARENT = f"""
import multiprocessing
def work(times):
    call('work', times)
    return os.getpid()
if __name__ == "__main__":
    latency_kit.configure(share='share', jsonl='performance.jsonl', {NEVER})
    context = multiprocessing.get_context('fork')
"""

CONFIGURED_IN_CHILDREN = f"""
import multiprocessing
def begin():
    latency_kit.configure(share='share', jsonl='performance.jsonl', {NEVER})
def begin_and_work(times):
    begin()
    work(times)
def work(times):
    call('work', times)
    return os.getpid()
"""

START_METHODS = ["fork", "spawn", "forkserver"]


def test_forked_children_of_a_configured_parent_lose_nothing(programs: Any) -> None:
    programs.run(
        CONFIGURED_IN_PARENT + "    children = [context.Process(target=work, args=[250]) for _ in range(4)]\n"
        "    for child in children: child.start()\n"
        "    for child in children: child.join()\n"
        "    assert [child.exitcode for child in children] == [0] * 4\n"
        "    call('parent', 10)\n"
    )
    assert programs.shared() == programs.logged() == {"work": 1000, "parent": 10}
    assert programs.states() == ["ended"] * 5


@pytest.mark.parametrize("method", START_METHODS)
def test_children_that_configure_themselves_lose_nothing(programs: Any, method: str) -> None:
    programs.run(
        CONFIGURED_IN_CHILDREN + "if __name__ == '__main__':\n"
        f"    context = multiprocessing.get_context('{method}')\n"
        "    children = [context.Process(target=begin_and_work, args=(100,)) for _ in range(3)]\n"
        "    for child in children: child.start()\n"
        "    for child in children: child.join()\n"
        "    assert [child.exitcode for child in children] == [0] * 3\n"
    )
    assert programs.shared() == programs.logged() == {"work": 300}
    assert programs.states() == ["ended"] * 3


@pytest.mark.parametrize("method", START_METHODS)
def test_a_program_that_configures_at_import_loses_nothing_of_children(programs: Any, method: str) -> None:
    programs.run(
        CONFIGURED_IN_CHILDREN + "begin()\n"
        "if __name__ == '__main__':\n"
        f"    context = multiprocessing.get_context('{method}')\n"
        "    children = [context.Process(target=work, args=(100,)) for _ in range(2)]\n"
        "    for child in children: child.start()\n"
        "    for child in children: child.join()\n"
        "    assert [child.exitcode for child in children] == [0] * 2\n"
    )
    assert programs.shared() == programs.logged() == {"work": 200}


@pytest.mark.parametrize("method", START_METHODS)
def test_workers_of_a_process_pool_lose_nothing(programs: Any, method: str) -> None:
    programs.run(
        CONFIGURED_IN_CHILDREN + "from concurrent.futures import ProcessPoolExecutor\n"
        "if __name__ == '__main__':\n"
        f"    context = multiprocessing.get_context('{method}')\n"
        "    with ProcessPoolExecutor(2, mp_context=context, initializer=begin) as pool:\n"
        "        assert os.getpid() not in set(pool.map(work, [50] * 10))\n"
    )
    assert programs.shared() == programs.logged() == {"work": 500}
    assert set(programs.states()) == {"ended"}


def test_workers_of_a_multiprocessing_pool_that_is_closed_lose_nothing(programs: Any) -> None:
    programs.run(
        CONFIGURED_IN_PARENT + "    with context.Pool(2) as pool:\n"
        "        pool.map(work, [50] * 10)\n"
        "        pool.close()\n"
        "        pool.join()\n"
    )
    assert programs.shared() == programs.logged() == {"work": 500}


def test_a_thread_that_still_records_in_a_child_is_waited_for_and_loses_nothing(programs: Any) -> None:
    programs.run(
        CONFIGURED_IN_PARENT.replace(
            "def work(times):",
            "def work_on(times):\n"
            # Over when the child has begun to wait for this thread.
            "    threading.main_thread().join()\n"
            "    call('late', times)\n"
            "def leave_thread(times):\n"
            "    threading.Thread(target=work_on, args=(times,)).start()\n"
            "def work(times):",
        )
        + "    child = context.Process(target=leave_thread, args=(20,))\n"
        "    child.start()\n"
        "    child.join()\n"
        "    assert child.exitcode == 0\n"
    )
    assert programs.shared() == programs.logged() == {"late": 20}


def test_an_idle_thread_pool_does_not_keep_a_child_from_ending(programs: Any) -> None:
    programs.run(
        CONFIGURED_IN_PARENT.replace(
            "def work(times):",
            "from concurrent.futures import ThreadPoolExecutor\n"
            "def leave_pool(times):\n"
            "    global pool\n"
            "    pool = ThreadPoolExecutor(2)\n"
            "    pool.submit(work, times).result()\n"
            "def work(times):",
        )
        + "    child = context.Process(target=leave_pool, args=(20,))\n"
        "    child.start()\n"
        "    child.join(30)\n"
        "    assert child.exitcode == 0\n"
    )
    assert programs.shared() == programs.logged() == {"work": 20}


def test_an_exception_in_a_child_loses_nothing(programs: Any) -> None:
    programs.run(
        CONFIGURED_IN_PARENT.replace("return os.getpid()", "raise ValueError('no')")
        + "    child = context.Process(target=work, args=(20,))\n"
        "    child.start()\n"
        "    child.join()\n"
        "    assert child.exitcode == 1\n",
        stderr=None,
    )
    assert programs.shared() == programs.logged() == {"work": 20}


def test_a_terminated_child_loses_nothing_where_sigterm_flushes(programs: Any) -> None:
    programs.run(
        CONFIGURED_IN_PARENT.replace("3600)", "3600, flush_on_sigterm=True)").replace(
            "    return os.getpid()", "    ready.set()\n    time.sleep(60)"
        )
        + "    ready = context.Event()\n"
        "    child = context.Process(target=work, args=(20,))\n"
        "    child.start()\n"
        "    assert ready.wait(30)\n"
        "    child.terminate()\n"
        "    child.join()\n"
        "    assert child.exitcode == -signal.SIGTERM\n"
    )
    assert programs.shared() == programs.logged() == {"work": 20}
    assert programs.states() == ["ended", "ended"]


def test_series_are_sent_through_a_queue_and_merged_exactly(programs: Any) -> None:
    output = programs.run(
        "import multiprocessing\n"
        "def work(queue):\n"
        "    telemetry = latency_kit.configure()\n"
        "    for n in range(1, 1001):\n"
        "        latency_kit.record('job', 'work', start_ns=0, end_ns=n * n)\n"
        "    queue.put(latency_kit.encode_series(telemetry.snapshot()))\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    queue = context.Queue()\n"
        "    children = [context.Process(target=work, args=(queue,)) for _ in range(3)]\n"
        "    for child in children: child.start()\n"
        "    frames = [queue.get(timeout=30) for _ in children]\n"
        "    for child in children: child.join()\n"
        "    (series,) = latency_kit.merge_series(*map(latency_kit.decode_series, frames))\n"
        "    all = series.histogram\n"
        "    print(all.count, all.sum_ns, all.min_ns, all.max_ns, all.is_exact)\n"
    )
    assert output.split() == ["3000", str(3 * sum(n * n for n in range(1, 1001))), "1", "1000000", "True"]

"""Fork and the end of a process: every process sends its own, under its own identity, in bounded time."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

PROGRAM = Path(__file__).with_name("exporting_program.py")
PROTOCOLS = ["grpc", "http/protobuf"]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")


def start(mode: str, protocol: str, endpoint: str, root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), mode, protocol, endpoint],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def finish(program: subprocess.Popen[str]) -> tuple[list[dict[str, object]], str]:
    """Wait for the end; return the reported losses, by process, and the standard error output."""
    out, err = program.communicate(input="", timeout=60)
    assert program.returncode == 0, err
    return [json.loads(line)["losses"] for line in out.splitlines()], err


@needs_fork
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_forked_child_sends_its_own_spans_and_metrics_under_its_own_identity(
    protocol: str, otlp: Any, otlp_receiver: Any, pytestconfig: pytest.Config
) -> None:
    program = start("fork", protocol, otlp_receiver.endpoint(protocol), pytestconfig.rootpath)
    losses, err = finish(program)

    assert losses == [{}, {}]
    assert "Traceback" not in err
    sent = otlp_receiver.spans_with_resources()
    by_name = {span.name: resource["service.instance.id"] for resource, span in sent}
    assert len(sent) == 4, "each span once, the one in the queue at the fork included"
    assert set(by_name) == {"before", "in the queue at the fork", "child", "after"}
    assert by_name["before"] == by_name["in the queue at the fork"] == by_name["after"]
    assert by_name["child"] != by_name["before"]

    processes: dict[str, set[float]] = {}
    for resource, metric in otlp_receiver.metrics_with_resources():
        for point in metric.exponential_histogram.data_points:
            processes.setdefault(resource["service.instance.id"], set()).add(point.max)
    assert set(processes) == {by_name["before"], by_name["child"]}
    assert processes[by_name["before"]] == {program.pid / 1e9}
    assert len(processes[by_name["child"]]) == 1


@needs_fork
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_fork_while_a_request_is_on_its_way_harms_neither_process(
    protocol: str, otlp_receiver: Any, pytestconfig: pytest.Config
) -> None:
    otlp_receiver.hang()
    program = start("fork-while-sending", protocol, otlp_receiver.endpoint(protocol), pytestconfig.rootpath)
    otlp_receiver.wait_for(lambda: otlp_receiver.held >= 1, 20)
    assert program.stdin is not None
    program.stdin.write("\n")
    program.stdin.flush()
    otlp_receiver.release.set()
    losses, _ = finish(program)

    arrived = [span.name for span in otlp_receiver.spans()]
    lost = [number for process in losses for number in process.values()]
    # Whether gRPC carries a request over a fork is its own affair; ours is that no span goes unaccounted.
    assert len(set(arrived)) + sum(lost) >= 2
    assert "child" in arrived or losses[0] == {"spans_not_exported": 1}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_process_that_ends_without_shutdown_sends_what_is_left(
    protocol: str, otlp_receiver: Any, pytestconfig: pytest.Config
) -> None:
    finish(start("exit", protocol, otlp_receiver.endpoint(protocol), pytestconfig.rootpath))

    assert otlp_receiver.span_named("last")
    assert len(otlp_receiver.histogram_points()) == 1


@needs_fork
def test_a_forked_child_that_ends_without_shutdown_sends_what_is_left(
    otlp_receiver: Any, pytestconfig: pytest.Config
) -> None:
    finish(start("fork-and-exit", "grpc", otlp_receiver.grpc_endpoint, pytestconfig.rootpath))

    assert otlp_receiver.span_named("child")
    assert len(otlp_receiver.histogram_points()) == 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_hanging_collector_does_not_hold_up_the_end_of_a_process(
    protocol: str, otlp_receiver: Any, pytestconfig: pytest.Config
) -> None:
    otlp_receiver.hang()
    began_s = time.monotonic()
    _, err = finish(
        start("exit-while-hanging", protocol, otlp_receiver.endpoint(protocol), pytestconfig.rootpath)
    )

    # Two exports of half a second each; the rest is the start of the interpreter. A request has 60 s.
    assert time.monotonic() - began_s < 15
    assert "spans_not_exported" in err
    assert "metric_points_not_exported" in err

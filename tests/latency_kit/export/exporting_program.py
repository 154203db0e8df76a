"""A small program that exports: the tests of fork and of the end of a process run it on its own.

Usage: python exporting_program.py MODE PROTOCOL ENDPOINT. It prints the losses of each process as JSON.
"""

import json
import os
import sys
import threading
import time
import warnings

from latency_kit.export import (
    CollectedMetrics,
    ExportSettings,
    SeriesData,
    build_metric_export,
    build_trace_export,
)
from latency_kit.export.process_resource import ProcessResource
from latency_kit.histogram import Histogram
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.measurement import Outcome

mode, protocol, endpoint = sys.argv[1:]
warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork.*", category=DeprecationWarning)
losses = Losses()
settings = ExportSettings.resolve(
    protocol=protocol,
    endpoint=endpoint,
    timeout_s=60 if mode == "exit-while-hanging" else 5,
    exit_timeout_s=0.5 if mode == "exit-while-hanging" else 10,
    metric_interval_s=3600,
)


def collect() -> CollectedMetrics:
    histogram = Histogram()
    histogram.record(os.getpid())
    return CollectedMetrics(
        series=[
            SeriesData(
                component="program",
                operation="process",
                outcome=Outcome.OK,
                histogram=histogram.snapshot(),
                start_unix_nano=1,
            )
        ]
    )


resource = ProcessResource(settings)
traces = build_trace_export(settings, losses, resource=resource)
metrics = build_metric_export(collect, settings, losses, resource=resource)
tracer = traces.provider.get_tracer("latency_kit")


def report() -> None:
    sys.stdout.write(json.dumps({"process": os.getpid(), "losses": dict(losses.counts())}) + "\n")
    sys.stdout.flush()


def fork() -> None:
    """Send in the parent, fork, send in the child, send in the parent again."""
    tracer.start_span("before").end()
    assert traces.flush(10)
    assert metrics.force_flush(10)
    tracer.start_span("in the queue at the fork").end()
    child = os.fork()
    if child == 0:
        losses.renew_after_fork()
        tracer.start_span("child").end()
        traces.shutdown(10)
        metrics.shutdown(10)
        report()
        os._exit(0)
    os.waitpid(child, 0)
    tracer.start_span("after").end()
    traces.shutdown(10)
    metrics.shutdown(10)
    report()


def fork_and_exit() -> None:
    """Let a forked child end by itself, without any shutdown of its own."""
    child = os.fork()
    if child == 0:
        tracer.start_span("child").end()
        return
    os.waitpid(child, 0)


def fork_while_sending() -> None:
    """Fork while a request of the parent is on its way."""
    tracer.start_span("parent").end()
    threading.Thread(target=traces.flush, args=(10,), daemon=True).start()
    sys.stdin.readline()  # the test says when the receiver holds the request
    child = os.fork()
    if child == 0:
        losses.renew_after_fork()
        tracer.start_span("child").end()
        began_s = time.monotonic()
        traces.shutdown(3)
        report()
        os._exit(0 if time.monotonic() - began_s < 5 else 3)
    _, status = os.waitpid(child, 0)
    traces.shutdown(10)
    report()
    sys.exit(os.waitstatus_to_exitcode(status))


if mode == "fork":
    fork()
elif mode == "fork-and-exit":
    fork_and_exit()
elif mode == "fork-while-sending":
    fork_while_sending()
else:
    tracer.start_span("last").end()

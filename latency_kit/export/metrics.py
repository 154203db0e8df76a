"""Metrics: collected at intervals in a background thread and sent as OTLP, exponential histograms above all.

The SDK has no way in for histograms that are already counted (no metric producer), so they go straight
to the standard exporter as messages of the SDK's.
"""

import atexit
from collections.abc import Callable, Sequence

from latency_kit.clock import SYSTEM_CLOCK, Clock
from latency_kit.export.background import BackgroundWork
from latency_kit.export.intervals import Intervals, Point, SeriesPoint, cumulative_number, cumulative_point
from latency_kit.export.metric_messages import metrics_data
from latency_kit.export.process_resource import ProcessResource, instrumentation_scope
from latency_kit.export.sending import Sender, metric_exporter_of
from latency_kit.export.series import CollectedMetrics, NumberData
from latency_kit.export.settings import ExportSettings, Temporality
from latency_kit.measurement.losses import Losses
from latency_kit.tracing.sdk import MetricsData

__all__ = ["LOSSES_METRIC", "MOST_POINTS_PER_REQUEST", "PeriodicMetricExport", "build_metric_export"]

LOSSES_METRIC = "latency.telemetry.losses"

MOST_POINTS_PER_REQUEST = 1000
"""Keeps a request of the widest histograms (2560 buckets of one byte) under gRPC's default limit of 4 MiB."""


class PeriodicMetricExport:
    """Calls `collect` every interval and sends what it returns.

    * Nothing raises here after construction: a failing `collect` is counted as
      "metric_collections_failed", points that the collector did not take as "metric_points_not_exported".
    * `force_flush` and `shutdown` return within their time limits.
    * Cumulative points and interval points that did not arrive are made good by the next ones.
    * A forked child has a thread, a connection and intervals of its own.
    """

    def __init__(
        self,
        collect: Callable[[], CollectedMetrics],
        sender: Sender[MetricsData],
        settings: ExportSettings,
        losses: Losses,
        *,
        resource: ProcessResource,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._collect = collect
        self._sender = sender
        self._losses = losses
        self._resource = resource
        self._scope = instrumentation_scope()
        self._clock = clock
        self._temporality = settings.temporality
        self._intervals = Intervals()
        self._exit_timeout_s = settings.exit_timeout_s
        self._closed = False
        self._given_up = False
        self._work = BackgroundWork(
            name="latency_kit-metrics",
            interval_s=settings.metric_interval_s,
            work=self._export,
            losses=losses,
            after_fork=self._begin_anew_in_child,
        )

    def force_flush(self, timeout_s: float) -> bool:
        """Collect and send now; tell whether the collector took it within `timeout_s` seconds."""
        return self._work.flush(timeout_s)

    def shutdown(self, timeout_s: float | None = None) -> bool:
        """Collect and send a last time, then stop; tell whether the collector took it in time.

        The time limit is that of the settings (`exit_timeout_s`) unless one is given.
        """
        if self._closed:
            return True
        self._closed = True
        atexit.unregister(self.shutdown)
        sent = self._work.shutdown(self._exit_timeout_s if timeout_s is None else timeout_s)
        # From here on the thread, where it still runs, collects no more: nothing could be sent.
        self._given_up = True
        self._sender.close()
        return sent

    def _export(self) -> bool:
        if self._given_up:
            return False
        try:
            points = self._points()
        except Exception as error:  # noqa: BLE001  # `collect` is the program's
            self._losses.count("metric_collections_failed", why=repr(error))
            return False
        succeeded = True
        for begin in range(0, len(points), MOST_POINTS_PER_REQUEST):
            succeeded = self._send(points[begin : begin + MOST_POINTS_PER_REQUEST]) and succeeded
        return succeeded

    def _points(self) -> list[Point]:
        collected = self._collect()
        now_unix_nano = self._clock.unix_nano()
        lost = [
            NumberData(
                name=LOSSES_METRIC,
                unit="{loss}",
                description="What telemetry lost, by kind.",
                value=number,
                start_unix_nano=collected.start_unix_nano,
                attributes={"latency.loss.kind": kind},
            )
            for kind, number in collected.losses.items()
        ]
        return [
            *(
                cumulative_point(series, now_unix_nano)
                for series in collected.series
                if series.histogram.count
            ),
            *(cumulative_number(number, now_unix_nano) for number in (*collected.numbers, *lost)),
        ]

    def _send(self, cumulative: Sequence[Point]) -> bool:
        points: Sequence[Point] = cumulative
        if self._temporality is Temporality.DELTA:
            points = [new for point in cumulative if (new := self._new_of(point)) is not None]
            if not points:
                return True
        message = metrics_data(
            points, resource=self._resource, scope=self._scope, temporality=self._temporality
        )
        arrived = self._sender.send(message, len(points))
        if arrived and self._temporality is Temporality.DELTA:
            self._intervals.mark_arrived(cumulative)
        return arrived

    def _new_of(self, point: Point) -> Point | None:
        if isinstance(point, SeriesPoint):
            return self._intervals.new_of_series(point)
        return self._intervals.new_of_number(point)

    def _begin_anew_in_child(self) -> None:
        self._intervals = Intervals()
        self._sender.renew_after_fork()


def build_metric_export(
    collect: Callable[[], CollectedMetrics],
    settings: ExportSettings,
    losses: Losses,
    *,
    resource: ProcessResource | None = None,
    clock: Clock = SYSTEM_CLOCK,
    shutdown_on_exit: bool = True,
) -> PeriodicMetricExport:
    """Build the periodic export of metrics over OTLP and start its thread.

    Args:
        collect: Returns what there is to send; called in the export's thread only.
        settings: Where to, how and how often.
        losses: Counts what could not be sent.
        resource: Who sends; made from the settings by default. Give traces and metrics the same one.
        clock: Stamps the points.
        shutdown_on_exit: Whether the end of the process sends a last time, for at most
            `settings.exit_timeout_s`.

    Raises:
        MissingExtraError: The SDK or the exporter of the protocol is not installed.
    """
    sender = Sender(
        lambda: metric_exporter_of(settings), loss_kind="metric_points_not_exported", losses=losses
    )
    export = PeriodicMetricExport(
        collect,
        sender,
        settings,
        losses,
        resource=ProcessResource(settings) if resource is None else resource,
        clock=clock,
    )
    if shutdown_on_exit:
        atexit.register(export.shutdown)
    return export

"""`configure()`: from settings to a running `Telemetry`. Everything that may raise, raises here."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from latency_kit.budget import BudgetPolicy
from latency_kit.clock import SYSTEM_CLOCK, Clock, WallAnchor
from latency_kit.configuration.activation import activate
from latency_kit.configuration.budget_parts import BudgetParts, build_budget_parts, policy_of
from latency_kit.configuration.exports import build_exports
from latency_kit.configuration.parts import (
    FollowPart,
    JsonlPart,
    Part,
    TracedCalls,
)
from latency_kit.configuration.process_hooks import EXIT_TIMEOUT_S
from latency_kit.configuration.telemetry import Telemetry
from latency_kit.configuration.termination import FlushOnSigterm
from latency_kit.errors import ConfigurationError
from latency_kit.export.settings import ExportSettings
from latency_kit.measurement.drain import DRAIN_INTERVAL_S, DrainThread
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.measurement import AttributeValue
from latency_kit.measurement.recording import MeasurementObserver, Recording
from latency_kit.measurement.series_attributes import MAX_SERIES, SeriesIds
from latency_kit.measurement.series_intervals import IntervalReaders
from latency_kit.storage import JsonlWriter, RecentRing

if TYPE_CHECKING:
    from latency_kit.budget import AlertSink
    from latency_kit.configuration.interval_parts import IntervalLogPart, SharePart
    from latency_kit.configuration.live_part import LivePart
    from latency_kit.configuration.session_part import SessionPart
    from latency_kit.measurement.active import Entry

__all__ = ["configure", "configured_telemetry"]

_configured: Telemetry | None = None


def configure(
    *,
    service_name: str | None = None,
    budgets: BudgetPolicy | Path | str | None = None,
    alerts: "Iterable[AlertSink] | None" = None,
    budget_state: Path | str | None = None,
    jsonl: Path | str | None = None,
    recent: int = 1000,
    spans: bool | None = None,
    traces: bool | None = None,
    metrics: bool | None = None,
    protocol: str | None = None,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    insecure: bool | None = None,
    compression: str | None = None,
    resource_attributes: Mapping[str, AttributeValue] | None = None,
    temporality: str | None = None,
    metric_interval_s: float | None = None,
    observers: Iterable[MeasurementObserver] = (),
    series_attributes: Iterable[str] = (),
    max_series: int = MAX_SERIES,
    in_flight: bool = False,
    hlog: Path | str | None = None,
    hlog_interval_s: float = 10.0,
    share: Path | str | None = None,
    share_interval_s: float = 1.0,
    session: Path | str | None = None,
    end_to_end: str | None = None,
    live: bool | Path | str | None = None,
    flush_on_sigterm: bool = False,
    drain_interval_s: float = DRAIN_INTERVAL_S,
    clock: Clock = SYSTEM_CLOCK,
) -> Telemetry:
    """Begin to record every measured call of this process, and export it where that is asked for.

    Histograms, the ring of recent measurements and budgets work with no further package. OTLP export
    takes the extra `otlp`; it is on where an endpoint or protocol is given, here or by the standard
    `OTEL_*` variables.

    Args:
        service_name: The `service.name` under which telemetry leaves; else `OTEL_SERVICE_NAME`.
        budgets: A policy, or the path of a policy file or of a pyproject.toml.
        alerts: What takes the notices of objectives and windowed budgets, each in a thread of its own; by
            default the log and the trace of the call (`log_alert`, `span_alert`).
        budget_state: Path of a file in which the windows of objectives and budgets outlive this process;
            one for each process.
        jsonl: Path of a `performance.jsonl` to append every measurement to.
        recent: How many of the latest measurements are kept.
        spans: Whether calls make spans even when no trace is exported (they carry trace ids then). By
            default they do when traces are exported or the program has installed a provider.
        traces: Whether traces are exported; by default where an endpoint or protocol is given.
        metrics: The same of metrics.
        protocol: "grpc" or "http/protobuf".
        endpoint: Base address of the collector, such as "http://localhost:4317".
        headers: To send with every request.
        timeout_s: For one request with its retries, in seconds.
        insecure: Whether gRPC goes without TLS.
        compression: "none" or "gzip".
        resource_attributes: More attributes of the resource.
        temporality: "cumulative" or "delta".
        metric_interval_s: Time between two exports of metrics, in seconds.
        observers: Told of every measurement, in batches, off the hot path.
        series_attributes: Attributes whose values make series of their own, such as "model".
        max_series: Above so many series, calls of new ones go to an overflow series of their operation.
        in_flight: Whether calls can be listed while they run (`latency_kit.in_flight()`), at some
            microseconds each.
        hlog: Path of an HdrHistogram interval log (`.hlog`) to append every interval to, one line a series.
        hlog_interval_s: The length of its intervals, in seconds.
        share: A directory through which all processes of a run share their series; `merge_processes` reads
            it. Each run should have one of its own.
        share_interval_s: How often this process renews its file there, in seconds: the most that is missing
            of it when it is killed. Renewing takes a twentieth of one core at most, if need be less often.
        session: Path of a session file to write at the end: the whole run, with its slowest traces.
            Calls make spans then unless `spans` is False. `latency-kit report` reads it.
        end_to_end: Name (`component.operation`) of the series that is the end-to-end duration of what the
            program does: its headline in reports, by which slow traces are chosen.
        live: Whether `latency-kit watch` can look into this process, over a socket that only this user can
            open; or the path of that socket. By default what `LATENCY_KIT_LIVE` says.
        flush_on_sigterm: Whether SIGTERM writes and sends what was recorded before it takes effect as it
            would have; by default it ends the process without that.
        drain_interval_s: The longest that a finished call waits for its record, in seconds.
        clock: Where times come from.

    Raises:
        ConfigurationError: A setting cannot be used, or `configure()` is already in force.
        UsageError: `series_attributes` or `max_series` is unfit.
        PolicyError: The budget policy has mistakes; all of them are listed.
        MissingExtraError: Export is asked for and the extra `otlp` is not installed.
    """
    global _configured  # noqa: PLW0603  # the one global state of the package
    if _configured is not None and not _configured.closed:
        raise ConfigurationError("configure() is already in force; call shutdown() on its Telemetry first")
    settings = ExportSettings.resolve(
        traces=traces,
        metrics=metrics,
        protocol=protocol,
        endpoint=endpoint,
        headers=headers,
        timeout_s=timeout_s,
        insecure=insecure,
        compression=compression,
        service_name=service_name,
        resource_attributes=resource_attributes,
        temporality=temporality,
        metric_interval_s=metric_interval_s,
    )
    policy = policy_of(budgets)
    ids = SeriesIds(series_attributes, max_series=max_series)
    anchor, losses = WallAnchor.take(clock), Losses()
    recording = Recording(anchor=anchor, losses=losses, observers=observers, ids=ids)
    intervals = IntervalReaders(recording, now_unix_nano=lambda: anchor.to_unix_nano(clock.monotonic_ns()))
    ring, parts = _kept_calls(recording, recent=recent, jsonl=jsonl)
    judging = build_budget_parts(
        policy, recording, anchor=anchor, clock=clock, losses=losses, sinks=alerts, state_file=budget_state
    )
    parts += judging.parts
    run = _run_record(recording, intervals, session, end_to_end=end_to_end)
    interval_parts = _interval_parts(
        recording, intervals, hlog=(hlog, hlog_interval_s), share=(share, share_interval_s)
    )
    live_parts = _live_parts(live, (recording, intervals, ring), (policy, judging), settings.service_name)
    exports = build_exports(
        settings, recording, losses, spans=spans, clocks=(anchor, clock), figures=judging.figures, keeper=run
    )
    parts += [exports, *([FollowPart()] if in_flight else [])]
    _configured = Telemetry(
        recording=recording,
        ring=ring,
        losses=losses,
        policy=policy,
        drain=DrainThread(recording.drain_gently, interval_s=drain_interval_s),
        parts=parts,
        intervals=intervals,
        interval_parts=[*judging.periodic, *interval_parts, *live_parts, *([run] if run else [])],
        session_part=run,
        names=(service_name, end_to_end),
        sigterm=FlushOnSigterm(timeout_s=EXIT_TIMEOUT_S) if flush_on_sigterm else None,
    )
    activate(
        recording,
        clock=clock,
        anchor=anchor,
        losses=losses,
        span_maker=exports.span_maker,
        fast=exports.fast_spans(clock),
        append=judging.append,
    )
    return _configured


def configured_telemetry() -> Telemetry | None:
    """Return what is in force, or None."""
    return None if _configured is None or _configured.closed else _configured


def _kept_calls(
    recording: Recording, *, recent: int, jsonl: Path | str | None
) -> "tuple[RecentRing[Entry], list[Part]]":
    """Keep the latest calls in memory and, where that is asked for, all of them in a file."""
    # A measurement is made of a call only where somebody reads it.
    ring = RecentRing(recent, materialise=recording.measurement_of)
    recording.observe_entries(TracedCalls(ring))
    if jsonl is None:
        return ring, []
    writer = JsonlWriter(Path(jsonl))
    recording.observe_entries(TracedCalls(lambda calls: writer(map(recording.measurement_of, calls))))
    return ring, [JsonlPart(writer)]


def _interval_parts(
    recording: Recording,
    intervals: IntervalReaders,
    *,
    hlog: tuple[Path | str | None, float],
    share: tuple[Path | str | None, float],
) -> "list[IntervalLogPart | SharePart]":
    if hlog[0] is None and share[0] is None:
        return []
    from latency_kit.configuration.interval_parts import build_interval_parts  # noqa: PLC0415  # few need it

    return build_interval_parts(recording, intervals, hlog=hlog, share=share)


def _run_record(
    recording: Recording, intervals: IntervalReaders, path: Path | str | None, *, end_to_end: str | None
) -> "SessionPart | None":
    if path is None:
        return None
    from latency_kit.configuration.session_part import build_session_part  # noqa: PLC0415  # few need it

    return build_session_part(recording, intervals, path, end_to_end=end_to_end)


def _live_parts(
    live: bool | Path | str | None,
    recorded: "tuple[Recording, IntervalReaders, RecentRing[Entry]]",
    judged: tuple[BudgetPolicy, BudgetParts],
    service_name: str | None,
) -> "list[LivePart]":
    if not live and not os.environ.get("LATENCY_KIT_LIVE"):
        return []
    from latency_kit.configuration.live_part import LivePart, wants_live  # noqa: PLC0415  # few need it

    wanted = wants_live(live=live)
    if not wanted:
        return []
    recording, intervals, ring = recorded
    policy, parts = judged
    return [
        LivePart(
            wanted,
            recording=recording,
            intervals=intervals,
            recent=ring.recent,
            policy=policy,
            windows=parts.periodic,
            service_name=service_name,
        )
    ]

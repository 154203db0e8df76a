"""The socket by which `latency-kit watch` looks into this process, as a part of the telemetry."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency_kit.budget import (
    BudgetEvaluation,
    BudgetPolicy,
    ObjectiveStatus,
    Verdict,
    evaluate,
    window_text,
)
from latency_kit.errors import ConfigurationError
from latency_kit.live.frame import PROTOCOL, series_data
from latency_kit.live.place import live_folder, prepare_folder, socket_path
from latency_kit.live.server import LiveServer
from latency_kit.measurement.active import active
from latency_kit.measurement.in_flight import in_flight
from latency_kit.measurement.measurement import Measurement
from latency_kit.measurement.readings import readings
from latency_kit.measurement.recording import Recording
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.measurement.series_intervals import IntervalReaders

if TYPE_CHECKING:
    from latency_kit.configuration.objectives_part import ObjectivesPart

__all__ = ["LIVE_VARIABLE", "LivePart", "wants_live"]

LIVE_VARIABLE = "LATENCY_KIT_LIVE"

MAX_SERIES_SHOWN = 100
MAX_CALLS_SHOWN = 20
MAX_CALLS_GIVEN = 500

_SERIES_AT_ONCE = 8
_PAUSE_S = 0.000_05
"""After so many series, some tenths of a millisecond, so that other threads get the interpreter."""

_RECENT_LIMIT_S = 1.0


def wants_live(*, live: bool | Path | str | None) -> bool | Path:
    """Return whether the process is to be watched, or the path of its socket; else what the variable says."""
    if live is None:
        value = os.environ.get(LIVE_VARIABLE, "").strip()
        if value.lower() in {"", "0", "false", "no", "off"}:
            return False
        live = True if value.lower() in {"1", "true", "yes", "on"} else value
    return live if isinstance(live, bool) else Path(live)


class LivePart:
    """Answers those who look into this process from outside; does nothing while nobody does.

    * A look keeps the threads of the program from their turn for some tenths of a millisecond at a time.
    * After a fork the child can be watched by itself; where that fails, it is counted as "live_failed".
    """

    def __init__(
        self,
        live: bool | Path,
        *,
        recording: Recording,
        intervals: IntervalReaders,
        recent: Callable[[], Sequence[Measurement]],
        policy: BudgetPolicy,
        windows: "Sequence[ObjectivesPart]",
        service_name: str | None,
    ) -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise ConfigurationError(
                "live: this Python has no sockets of the local machine; leave `live` off"
            )
        self._live = live
        self._recording = recording
        self._intervals = intervals
        self._recent = recent
        self._policy = policy
        self._windows = windows
        self._service_name = service_name or Path(sys.argv[0] or sys.executable).name
        self._losses_of_all: Callable[[], Mapping[str, int]] = dict
        self._failed = 0
        self._first_process_id = os.getpid()
        if isinstance(live, bool):
            prepare_folder(live_folder())
        self._server: LiveServer | None = LiveServer(self._path, answer=self.answer, forget=intervals.forget)

    def start(self, losses: Callable[[], Mapping[str, int]]) -> None:
        """Begin to listen; `losses` tells what the whole telemetry lost."""
        self._losses_of_all = losses
        if self._server is not None:
            self._server.start()

    def stop(self, timeout_s: float) -> None:
        """Listen no more until `start`."""
        if self._server is not None:
            self._server.stop(timeout_s)

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002  # nothing waits
        """Tell that nothing waits."""
        return True

    def shutdown(self, timeout_s: float) -> bool:
        """Let go of those who watch, and of the socket."""
        if self._server is not None:
            self._server.stop(timeout_s)
            self._server.close()
            self._server = None
        return True

    def losses(self) -> Mapping[str, int]:
        """Return whether a forked child cannot be watched."""
        return {"live_failed": self._failed} if self._failed else {}

    def renew_after_fork(self) -> None:
        """Listen at a path of the child's own; `start` is still to be called."""
        if self._server is None:
            return
        try:
            self._server.renew_after_fork()
        except ConfigurationError:
            self._server = None
            self._failed += 1

    def answer(self, reader: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what JSON can hold of the answer to one request.

        Raises:
            ValueError: It asks for something that is not known.
        """
        match request.get("ask"):
            case "process":
                return self._process()
            case "frame":
                return self._frame(reader)
            case "calls":
                return {"calls": self._calls(int(request["since_unix_nano"]))}
            case other:
                raise ValueError(f'"ask" must be "process", "frame" or "calls", got {other!r}')

    def _path(self, process_id: int) -> Path:
        if isinstance(self._live, bool):
            return socket_path(live_folder(), process_id)
        if process_id == self._first_process_id:
            return self._live
        return self._live.with_name(f"{self._live.stem}-{process_id}{self._live.suffix}")

    def _process(self) -> dict[str, Any]:
        return {
            "protocol": PROTOCOL,
            "process_id": os.getpid(),
            "service_name": self._service_name,
            "command": " ".join(sys.orig_argv),
            "python": sys.version.split()[0],
            "started_unix_nano": self._recording.start_unix_nano,
        }

    def _frame(self, reader: str) -> dict[str, Any]:
        interval = self._intervals.read(reader)
        ended = {_identity(series): series for series in interval.series}
        whole = self._recording.snapshot()
        busiest = sorted(
            whole, key=lambda series: _spent_ns(ended.get(_identity(series)), series), reverse=True
        )
        shown = []
        for number, series in enumerate(busiest[:MAX_SERIES_SHOWN], start=1):
            shown.append(series_data(ended.get(_identity(series)), series))
            if not number % _SERIES_AT_ONCE:
                time.sleep(_PAUSE_S)
        calls = in_flight()
        return {
            "protocol": PROTOCOL,
            "process": self._process(),
            "start_unix_nano": interval.start_unix_nano,
            "end_unix_nano": interval.end_unix_nano,
            "series": shown,
            "series_left_out": max(len(whole) - MAX_SERIES_SHOWN, 0),
            "budgets": [_budget_data(one) for one in self._evaluations(whole)],
            "objectives": [_objective_data(one) for part in self._windows for one in part.objectives()],
            "in_flight": {
                "followed": active.call_class is not None,
                "count": len(calls),
                "calls": [
                    {
                        "name": call.name,
                        "age_ns": call.age_ns,
                        "running_in": call.running_in,
                        **({} if call.trace_id is None else {"trace_id": f"{call.trace_id:032x}"}),
                    }
                    for call in calls[:MAX_CALLS_SHOWN]
                ],
            },
            "readings": [
                {
                    "name": one.name,
                    "unit": one.unit,
                    "value": one.value,
                    "is_total": one.is_total,
                    "attributes": dict(one.attributes),
                }
                for one in readings()
            ],
            "losses": dict(self._losses_of_all()),
        }

    def _evaluations(self, whole: Sequence[SeriesSnapshot]) -> Iterable[BudgetEvaluation]:
        """Judge each budget as it is meant: by its window where it has one, else by the whole run."""
        windowed = {one.name: one for part in self._windows for one in part.evaluate()}
        return [windowed.get(one.name, one) for one in evaluate(self._policy, whole)]

    def _calls(self, since_unix_nano: int) -> list[dict[str, Any]]:
        self._recording.drain_within(_RECENT_LIMIT_S)
        ended = [one for one in self._recent() if one.end_unix_nano >= since_unix_nano]
        return [
            {
                "name": one.name,
                "start_unix_nano": one.start_unix_nano,
                "duration_ns": one.duration_ns,
                "outcome": one.outcome.value,
                **(
                    {}
                    if one.trace_id is None or one.span_id is None
                    else {"trace_id": f"{one.trace_id:032x}", "span_id": f"{one.span_id:016x}"}
                ),
            }
            for one in ended[-MAX_CALLS_GIVEN:]
        ]


def _identity(series: SeriesSnapshot) -> tuple[object, ...]:
    return (series.name, series.outcome, tuple(sorted(series.attributes.items())))


def _spent_ns(interval: SeriesSnapshot | None, whole: SeriesSnapshot) -> tuple[int, int]:
    return (0 if interval is None else interval.histogram.sum_ns, whole.histogram.sum_ns)


def _budget_data(one: BudgetEvaluation) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": one.name,
        "measures": one.budget.measures,
        "limit_ns": one.budget.limit_ns,
        "percentile": one.budget.percentile,
        "verdict": one.verdict.value,
        "count": one.count,
        "over_limit_count": one.over_limit_count,
    }
    if one.is_observed:
        data["observed_ns"] = one.observed_ns
    if one.budget.window_ns is not None:
        data["window"] = window_text(one.budget.window_ns)
    return data


def _objective_data(one: ObjectiveStatus) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": one.name,
        "verdict": one.verdict.value,
        "events": one.events,
        "bad": one.bad,
        "burns": {window_text(burn.window_ns): burn.burn_rate for burn in one.burns if burn.events},
        "firing": list(one.firing),
    }
    if one.verdict is not Verdict.NO_DATA:
        data["remaining_error_budget"] = one.remaining_error_budget
    return data

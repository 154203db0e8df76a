"""Counting what was decided under deadlines: skipped stages, choices, hedges, overruns.

The counts are readings, so that whatever reports reads them; the current span gets an event as well.
"""

import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from latency_kit.measurement.active import active
from latency_kit.measurement.measurement import AttributeValue
from latency_kit.measurement.readings import Reading, register

__all__ = ["MAX_COUNTED", "DecisionCounts", "add_span_event", "current_span", "decisions"]

MAX_COUNTED = 1000
"""Different combinations of metric and attributes that are counted; further ones are lost and counted so."""

_Key = tuple[str, tuple[tuple[str, str], ...]]

_METRICS = {
    "latency.deadline.blocks": ("{block}", "Blocks under a deadline, by how they ended."),
    "latency.deadline.decisions": ("{decision}", "Whether optional work still fitted what remained."),
    "latency.deadline.choices": ("{decision}", "Which alternative was chosen by what remained, and why."),
    "latency.hedge.calls": ("{call}", "Hedged calls, by what became of them."),
}


class DecisionCounts:
    """Running totals by metric and attributes.

    * A total never goes back, except that a forked child begins at nothing.
    * At most `MAX_COUNTED` totals are kept; what does not fit is counted as "decisions_uncounted".
    * `count` never raises.
    """

    __slots__ = ("__weakref__", "_lock", "_totals")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[_Key, int] = {}

    def count(self, metric: str, **attributes: str) -> None:
        """Count one decision; attributes are given without the prefix "latency."."""
        key = (metric, tuple(attributes.items()))
        with self._lock:
            total = self._totals.get(key)
            if total is not None or len(self._totals) < MAX_COUNTED:
                self._totals[key] = (total or 0) + 1
                return
        active.losses.count("decisions_uncounted", why=metric)

    def total(self, metric: str, **attributes: str) -> int:
        """Return the sum of a metric's totals that have these attributes."""
        wanted = attributes.items()
        with self._lock:
            totals = list(self._totals.items())
        return sum(
            total for (name, having), total in totals if name == metric and wanted <= dict(having).items()
        )

    def readings(self) -> Iterable[Reading]:
        """Return every total."""
        with self._lock:
            totals = list(self._totals.items())
        for (metric, having), total in totals:
            unit, description = _METRICS[metric]
            attributes: dict[str, AttributeValue] = {f"latency.{name}": value for name, value in having}
            yield Reading(
                name=metric,
                unit=unit,
                description=description,
                value=total,
                is_total=True,
                attributes=attributes,
            )

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child, whose parent goes on counting what it counted."""
        self._lock = threading.Lock()
        self._totals = {}


def add_span_event(name: str, attributes: Mapping[str, AttributeValue]) -> None:
    """Add an event to the current span, now; nothing where nothing is traced, and never an error."""
    span = current_span()
    if span is None:
        return
    try:
        span.add_event(name, attributes, timestamp=active.anchor.to_unix_nano(active.clock()))
    except Exception as error:  # noqa: BLE001  # whatever a provider does, the host goes on
        active.losses.count("spans_failed", why=repr(error))


def current_span() -> Any | None:
    """Return the current span where it is recording."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:  # then nobody can have made a span
        return None
    span = trace.get_current_span()
    return span if span.is_recording() else None


decisions = DecisionCounts()
"""The process's counts."""

register(decisions)

try:
    from os import register_at_fork
except ImportError:  # Windows has no fork
    pass
else:
    register_at_fork(after_in_child=decisions.renew_after_fork)

"""Strict budgets in force: the hand-over of a finished call that raises where a strict limit was passed.

It takes the place of the recording's own hand-over while a policy has strict budgets, so that programs
without any pay nothing.
"""

from collections.abc import Callable, Mapping

from latency_kit.budget import StrictLimit
from latency_kit.measurement.active import Entry
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.recording import Recording

__all__ = ["strict_append"]

_PLAIN_FIELDS = 3
"""Fields of the entry of a call that ended well and has nothing more to tell."""


def strict_append(
    recording: Recording, limits: Mapping[tuple[str, str], StrictLimit]
) -> Callable[[Entry], None]:
    """Return what hands a finished call over and then holds it to its strict limit.

    * The call is recorded first, whatever becomes of it.
    * A call that failed keeps its own error; only one that ended well can raise `BudgetExceededError`.
    """

    def append_and_check(entry: Entry) -> None:
        # Looked up each time: under pressure the recording changes it.
        recording.append(entry)
        if isinstance(entry, tuple):
            outcome = Outcome.OK if len(entry) == _PLAIN_FIELDS else entry[3]
            site, start_ns, end_ns = entry[:_PLAIN_FIELDS]
        else:
            site, start_ns, end_ns = entry.site, entry.start_ns, entry.end_ns
            outcome = Outcome.OK if entry.result is None else entry.result[0]
        if site is None or outcome is not Outcome.OK:
            return
        limit = limits.get((site.component, site.operation))
        if limit is not None:
            limit.check(end_ns - start_ns)

    return append_and_check
